import {
  type Clock,
  type Crypto,
  type Health,
  type Logger,
  type Metrics,
  type Random,
  type Requester,
  type Responder,
  type Signer,
  type Startable,
  type StateReader,
  type Timer,
  toError,
} from '../interface/index.ts';
import { Answerer } from './answerer.ts';
import { Asker } from './asker.ts';
import { ClockBook } from './clock-book.ts';
import { byeStatement, livenessProtocol, livenessRequest } from './codec.ts';
import { explain, type LivenessExplanation } from './explain.ts';
import { PartitionWatch } from './partition-watch.ts';
import { Pinger } from './pinger.ts';
import { addMiss, computeSlowdown, LIVENESS_TIMES, type LivenessTimes } from './rules.ts';
import { type LivenessState, LivenessTable, type StateChange } from './state.ts';

/** How often the members are looked at. */
const TICK_MS = 200;
/** A tick that comes so much late found this process standing still. */
const STOOD_STILL_MS = 100;
/** A stop does not wait longer for its goodbyes to be heard. */
const BYE_TIMEOUT_MS = 400;

/** What {@link LivenessService} works with. */
export interface LivenessComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Pick<Crypto, 'verify'>;
  readonly signer: Signer;
  readonly requester: Requester;
  readonly responder: Responder;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly state: StateReader;
  readonly isConnected: (peer: string) => boolean;
  /** Whom this node takes for the leader. */
  readonly leader: () => string | undefined;
  /** Ends the connections to a member that is unreachable, so that it is dialled anew. */
  readonly hangUp: (peer: string) => void;
  /** Stops this node's gossip while its clock is far off, or lets it go on. */
  readonly mute: (isMuted: boolean) => void;
  /** A member asks more often than it may. */
  readonly onFlood: (peer: string, what: string) => void;
}

/** Settings of {@link LivenessService}. */
export interface LivenessInit {
  readonly meshId: string;
  /** The number of this start: what a goodbye is for. */
  readonly boot: number;
  readonly times?: Partial<LivenessTimes>;
}

/**
 * Who is there. Members are pinged; a silent one is suspect, and others are asked for it, who must
 * bring a statement that it signed just now; it is unreachable only when nobody does. After SWIM
 * (Das, Gupta, Motivala: Scalable Weakly-consistent Infection-style Process Group Membership
 * Protocol, DSN 2002) and Lifeguard (Dadgar, Phillips, Currey, arXiv:1707.00788), with one
 * difference: each node goes by proofs alone, so nobody can declare a third one dead or alive.
 */
export class LivenessService implements Startable {
  readonly #components: LivenessComponents;
  readonly #init: LivenessInit;
  readonly #table: LivenessTable;
  readonly #clocks: ClockBook;
  readonly #asker: Asker;
  readonly #answerer: Answerer;
  readonly #pinger: Pinger;
  readonly #partition: PartitionWatch;
  readonly #listeners: ((peer: string) => void)[] = [];
  /** Whether each member could be reached when that was told last. */
  readonly #told = new Map<string, boolean>();
  #missesMs: readonly number[] = [];
  #timer: Timer | undefined;
  #tickedMs = 0;
  #hints: readonly string[] = [];

  constructor(components: LivenessComponents, init: LivenessInit) {
    const { meshId, boot } = init;
    const times = { ...LIVENESS_TIMES, ...init.times };
    this.#components = components;
    this.#init = init;
    this.#table = new LivenessTable(times);
    this.#clocks = new ClockBook(components);
    const hints = (): readonly string[] => this.#hints;
    const common = { ...components, table: this.#table, meshId, boot, hints };
    const onBye = (peer: string, of: number): boolean => this.#onBye(peer, of);
    this.#asker = new Asker({
      ...common,
      onProof: (peer, by) => this.#onProof(peer, by),
      onBye,
      onMiss: () => {
        this.#missesMs = addMiss(this.#missesMs, components.clock.monotonicMs());
      },
    });
    this.#answerer = new Answerer({
      ...common,
      isMember: (peer) => this.#table.get(peer) !== undefined,
      isAlive: (peer) => this.#table.get(peer)?.state === 'alive',
      onPing: (peer, of, named) => this.#onSign(peer, of, named),
      onBye,
    });
    this.#partition = new PartitionWatch({ ...common, self: components.signer.peer });
    this.#pinger = new Pinger({
      ...common,
      times,
      clocks: this.#clocks,
      onPong: (peer, { boot: of, hints: named, leader }) => {
        this.#partition.follows(peer, leader);
        this.#onSign(peer, of, named);
      },
    });
  }

  async start(): Promise<void> {
    if (this.#timer !== undefined) return;
    await this.#answerer.start();
    this.#tickedMs = this.#components.clock.monotonicMs();
    this.#arm();
  }

  /** Without a goodbye; that is {@link sayGoodbye}. */
  async stop(): Promise<void> {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    await this.#answerer.stop();
    this.#clocks.stop();
    this.#partition.stop();
  }

  /** Tells all who are connected that this node stops; waits for them a moment. Never throws. */
  async sayGoodbye(): Promise<void> {
    const { clock, requester, signer, isConnected, logger } = this.#components;
    const { meshId, boot } = this.#init;
    const bye = { v: 1, kind: 'bye', mesh: meshId, boot } as const;
    const request = livenessRequest.encode({
      v: 1,
      kind: 'bye',
      statement: byeStatement.encode(signer, bye),
    });
    const told = [...this.#table.all()]
      .filter(({ peer }) => isConnected(peer))
      .map(({ peer }) =>
        requester
          .request(peer, livenessProtocol(meshId), request, { timeoutMs: BYE_TIMEOUT_MS })
          .then(undefined, (error: unknown) => {
            logger.debug({ peer, err: toError(error) }, 'a goodbye was not heard');
          }),
      );
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = clock.schedule(BYE_TIMEOUT_MS, resolve);
    await Promise.race([Promise.all(told), late]);
    timer.cancel();
  }

  /** A connection to a member was opened. */
  connected(peer: string): void {
    const { clock } = this.#components;
    this.#changed(this.#table.connected(peer, clock.monotonicMs()), peer);
    this.#pinger.ping(peer);
  }

  /** The last connection to a peer was closed. */
  disconnected(peer: string): void {
    const nowMs = this.#components.clock.monotonicMs();
    const change = this.#table.closed(peer, nowMs);
    this.#changed(change, peer);
    if (change?.after === 'suspect') this.#asker.round(nowMs);
  }

  /** What the member is to this node. */
  stateOf(peer: string): LivenessState {
    if (peer === this.#components.signer.peer) return 'alive';
    return this.#table.get(peer)?.state ?? 'unreachable';
  }

  /** Whether it was heard of and is not lost since: alive or suspect. */
  isReachable(peer: string): boolean {
    return peer === this.#components.signer.peer || this.#table.isReachable(peer);
  }

  /** Wall-clock time of the last sign of life, ms; null when there was none since this start. */
  lastSeenMs(peer: string): number | null {
    const { clock, signer } = this.#components;
    if (peer === signer.peer) return clock.nowMs();
    return this.explain(peer)?.lastHeardMs ?? null;
  }

  /** This host's clock minus the mesh's median, ms; undefined while nobody's clock is known. */
  skewMs(): number | undefined {
    return this.#clocks.skewMs();
  }

  /** All that is known of a member; undefined for this node and for strangers. */
  explain(peer: string): LivenessExplanation | undefined {
    const { clock } = this.#components;
    const watch = this.#table.get(peer);
    if (watch === undefined) return undefined;
    const rttMs = this.#clocks.rttMs(peer);
    const at = { nowMs: clock.monotonicMs(), slowdown: this.#slowdown(), rttMs };
    return explain(watch, {
      ...this.#table.allowance(watch, at),
      wallAheadMs: clock.nowMs() - at.nowMs,
      rttMs,
      clockOffsetMs: this.#clocks.offsetMs(peer),
    });
  }

  /** Called when a member became reachable or unreachable. */
  onChange(listener: (peer: string) => void): void {
    this.#listeners.push(listener);
  }

  #arm(): void {
    this.#timer = this.#components.clock.schedule(TICK_MS, () => {
      this.#tick();
      if (this.#timer !== undefined) this.#arm();
    });
  }

  #tick(): void {
    const nowMs = this.#components.clock.monotonicMs();
    const lateMs = nowMs - this.#tickedMs - TICK_MS;
    this.#tickedMs = nowMs;
    this.#watch(nowMs);
    if (lateMs > STOOD_STILL_MS) this.#table.stoodStill(lateMs);
    const rttMs = (peer: string): number | undefined => this.#clocks.rttMs(peer);
    for (const change of this.#table.tick({ nowMs, slowdown: this.#slowdown(), rttMs })) {
      this.#changed(change, change.peer);
    }
    this.#hints = this.#pinger.suspects();
    this.#pinger.round(nowMs);
    this.#asker.round(nowMs);
    this.#clocks.check();
    this.#partition.check(nowMs);
  }

  #watch(nowMs: number): void {
    const { state, signer } = this.#components;
    const peers = new Set<string>();
    for (const [peer, { removedIndex }] of state.entries('member')) {
      if (removedIndex === null && peer !== signer.peer) peers.add(peer);
    }
    // Before there is a member list, those that the invite named are all there are.
    if (state.size('member') === 0) return;
    this.#table.watch(peers, nowMs);
    this.#clocks.keep(peers);
    for (const peer of this.#told.keys()) if (!peers.has(peer)) this.#told.delete(peer);
    this.#answerer.keep(peers);
  }

  #slowdown(): number {
    const nowMs = this.#components.clock.monotonicMs();
    const isDeaf = this.#table.isDeaf(nowMs);
    return computeSlowdown({ missesMs: this.#missesMs, isDeaf }, nowMs);
  }

  #onSign(peer: string, boot: number, named: readonly string[]): void {
    const { clock, signer } = this.#components;
    this.#changed(this.#table.heard(peer, clock.monotonicMs(), boot), peer);
    for (const suspect of named) if (suspect !== signer.peer) this.#pinger.hinted(suspect);
  }

  #onProof(peer: string, by: string): void {
    this.#changed(this.#table.vouched(peer, by, this.#components.clock.monotonicMs()), peer);
  }

  #onBye(peer: string, boot: number): boolean {
    const { clock, state } = this.#components;
    const nowMs = clock.monotonicMs();
    const registeredBoot = state.get('member', peer)?.boot ?? 0;
    if (!this.#table.bye(peer, boot, { nowMs, registeredBoot })) return false;
    this.#changed(this.#table.left(peer, nowMs), peer);
    return true;
  }

  #changed(change: StateChange | undefined, peer: string): void {
    if (change === undefined) return;
    const { logger, metrics, hangUp, isConnected } = this.#components;
    const { before, after } = change;
    metrics.count('cooee_liveness_changes_total', { state: after });
    const reason = this.#table.get(peer)?.reason;
    logger.debug({ peer, before, after, reason }, 'a member changed its state');
    if (after === 'unreachable' && isConnected(peer)) hangUp(peer);
    if (after === 'suspect') this.#pinger.spread();
    const isReachable = this.#table.isReachable(peer);
    if ((this.#told.get(peer) ?? false) === isReachable) return;
    this.#told.set(peer, isReachable);
    for (const listener of this.#listeners) listener(peer);
  }
}
