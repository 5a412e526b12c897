import {
  type Clock,
  type Health,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type StateReader,
  type Timer,
  toError,
} from '../../protocols/interface/index.ts';
import type { MeshView } from './mesh-view.ts';

/** How often the state of the node is looked at. */
const ROUND_MS = 1_000;

/** A leader that is away for less is not worth a condition: connections break and come back. */
const LEADER_GRACE_MS = 3_000;

/** Written to see whether there is room, and deleted again: more than fits into a last block. */
const PROBE = { namespace: 'meta', key: 'probe' } as const;
const PROBE_BYTES = 16 * 1024;

/** Nothing could be stored for so many rounds: whoever can store leads better. */
const HAND_OVER_ROUNDS = 3;
/** It is tried again, as no other voter may have been able to, each time after twice as long. */
const HAND_OVER_AGAIN_ROUNDS = 10;

/** What {@link Watchdog} works with. */
export interface WatchdogComponents {
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  readonly store: KeyValueStore;
  readonly state: StateReader;
  readonly self: string;
  readonly view: Pick<MeshView, 'isConnected' | 'leader'>;
  /** Whether something is committed that is not in the state here. */
  readonly isBehind: () => boolean;
  /** Lets another voter lead, when this node does and one can. */
  readonly handOver: () => void;
}

/**
 * Raises and clears the conditions that no single part can see, and reopens the store after a
 * failed write.
 */
export class Watchdog {
  readonly #components: WatchdogComponents;
  #timer: Timer | undefined;
  #leaderSeenMs = 0;
  #isStopped = false;
  /** A write failed, and none has stood since. */
  #isStoreBroken = false;
  /** Rounds for which that has been so. */
  #brokenRounds = 0;
  /** So many rounds of being broken until leadership is handed over, and the pause after that. */
  #handOverAt = HAND_OVER_ROUNDS;
  #handOverPause = HAND_OVER_AGAIN_ROUNDS;

  constructor(components: WatchdogComponents) {
    this.#components = components;
  }

  start(): void {
    this.#leaderSeenMs = this.#components.clock.monotonicMs();
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#isStopped) return;
    this.#timer = this.#components.clock.schedule(ROUND_MS, () => {
      void this.#round().finally(() => this.#arm());
    });
  }

  async #round(): Promise<void> {
    this.#checkLeader();
    this.#checkCompany();
    await this.#mendStore();
  }

  #checkLeader(): void {
    const { clock, health, self, view } = this.#components;
    const leader = view.leader();
    const nowMs = clock.monotonicMs();
    if (leader !== undefined && (leader === self || view.isConnected(leader))) {
      this.#leaderSeenMs = nowMs;
      health.clear('no-leader');
    } else if (nowMs - this.#leaderSeenMs > LEADER_GRACE_MS) {
      health.raise({
        code: 'no-leader',
        severity: 'warn',
        text: 'The leader is out of reach; what is handed in waits in the outbox.',
        remedy: 'Start the host of the leader, or check the network: cooee members',
      });
    }
  }

  #checkCompany(): void {
    const { health, state, self, view } = this.#components;
    let others = 0;
    let connected = 0;
    for (const [peer, member] of state.entries('member')) {
      if (peer === self || member.removedIndex !== null) continue;
      others++;
      if (view.isConnected(peer)) connected++;
    }
    if (others === 0 || connected > 0) {
      health.clear('alone');
      return;
    }
    health.raise({
      code: 'alone',
      severity: 'warn',
      text: `None of the ${others} other members can be reached.`,
      remedy: 'Check that they are up and that this host is on the network; redialling goes on.',
    });
  }

  /**
   * Only a write that stands shows that a store is mended: opening may do without room. A leader
   * that cannot store what is committed answers nobody, while its log goes on and keeps the others
   * from an election.
   */
  async #mendStore(): Promise<void> {
    const { store, health, logger, isBehind, handOver } = this.#components;
    if (store.status === 'failed') this.#isStoreBroken = true;
    if (!this.#isStoreBroken || store.status === 'closed') return;
    try {
      if (store.status === 'failed') await store.open();
      await store.batch([{ ...PROBE, value: new Uint8Array(PROBE_BYTES) }]);
      await store.batch([PROBE]);
      this.#isStoreBroken = false;
      this.#brokenRounds = 0;
      this.#handOverAt = HAND_OVER_ROUNDS;
      this.#handOverPause = HAND_OVER_AGAIN_ROUNDS;
      health.clear('store-failed');
      logger.info({}, 'the store takes writes again');
    } catch (thrown) {
      const error = toError(thrown);
      // Once: it may last for days, and the log may lie on the very disk that is full.
      if (this.#brokenRounds === 0) logger.warn({ err: error }, 'the store takes no writes yet');
      this.#brokenRounds++;
      health.raise({
        code: 'store-failed',
        severity: 'error',
        text: `Nothing can be stored: ${error.message}`,
        remedy: isCooeeError(error) ? error.remedy : 'See the log of the daemon.',
      });
      if (this.#brokenRounds < this.#handOverAt || !isBehind()) return;
      this.#handOverAt = this.#brokenRounds + this.#handOverPause;
      this.#handOverPause *= 2;
      handOver();
    }
  }
}
