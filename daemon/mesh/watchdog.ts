import {
  type Clock,
  type Health,
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

/** What {@link Watchdog} works with. */
export interface WatchdogComponents {
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  readonly store: KeyValueStore;
  readonly state: StateReader;
  readonly self: string;
  readonly view: Pick<MeshView, 'isConnected' | 'leader'>;
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
    await this.#reopenStore();
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

  async #reopenStore(): Promise<void> {
    const { store, health, logger } = this.#components;
    if (store.status !== 'failed') return;
    try {
      await store.open();
      health.clear('store-failed');
      logger.info({}, 'the store is open again');
    } catch (error) {
      logger.warn({ err: toError(error) }, 'the store cannot be opened yet');
    }
  }
}
