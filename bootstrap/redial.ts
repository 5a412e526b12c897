import {
  type Clock,
  type Logger,
  type Random,
  type Startable,
  type Timer,
  toError,
} from '../protocols/interface/index.ts';

/** What a {@link Redial} works with. */
export interface RedialComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The other members; asked at every round. */
  members(): readonly string[];
  /** Where a member was last heard of, best first; asked when it is about to be dialled. */
  addressesOf(peer: string): readonly string[];
  isConnected(peer: string): boolean;
  /** Connects; rejects when it could not. */
  dial(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<void>;
}

/** Options of {@link Redial}. */
export interface RedialInit {
  /** The wait after the first failure; doubled at each further one. Default 250. */
  readonly delayMinMs?: number;
  /**
   * The longest wait for a member that has been away for more than {@link RECENT_MS}. Longer = a
   * mesh heals later; shorter = more dials to hosts that are off. Default 30,000.
   */
  readonly delayMaxMs?: number;
  /** The longest wait in the first {@link FRESH_MS} of an absence. Default 1,000. */
  readonly freshDelayMaxMs?: number;
  /** The longest wait up to {@link RECENT_MS}, and for as long as nobody is connected. 5,000. */
  readonly recentDelayMaxMs?: number;
  /**
   * A connection must live this long to count as a success. Default 5,000: a peer that takes the
   * connection and closes it (guest slots full, we are not admitted there yet) must not be dialled
   * in a tight loop.
   */
  readonly stableMs?: number;
  /** A dial is given up after this time. Default 8,000. */
  readonly dialTimeoutMs?: number;
  /** Dials at once. Default 8. */
  readonly dialsMax?: number;
}

/** How it goes with one member that is not connected (or was not, last time it was looked at). */
export interface RedialState {
  readonly peer: string;
  /** Failed dials, and connections that were lost at once, since it was last connected for long. */
  readonly attempts: number;
  /** Why the last attempt failed; text for people. */
  readonly lastError: string | undefined;
  /**
   * Monotonic time of the next dial; undefined while connected, dialling, or without an address.
   */
  readonly nextAtMs: number | undefined;
  /** Monotonic time from which it is away; undefined while connected. */
  readonly awaySinceMs: number | undefined;
}

interface Entry {
  readonly peer: string;
  attempts: number;
  lastError: string | undefined;
  nextAtMs: number | undefined;
  /** The dial in flight. */
  dial: { readonly ended: AbortController; readonly startedMs: number } | undefined;
  /** Since when it is connected. */
  connectedAtMs: number | undefined;
  /** Since when it is away; a connection that does not last changes nothing. */
  awaySinceMs: number | undefined;
  /** It took the last connection, and closed it. */
  isTurningAway: boolean;
}

const DEFAULTS = {
  delayMinMs: 250,
  delayMaxMs: 30_000,
  freshDelayMaxMs: 1000,
  recentDelayMaxMs: 5000,
  stableMs: 5000,
  dialTimeoutMs: 8000,
  dialsMax: 8,
} as const;

/**
 * How often members are looked at when nothing happens: new ones in the list, connections lost
 * without an event.
 */
const ROUND_MS = 1000;

/**
 * A host that restarts or has lost its network for less is back within a second or so: it is
 * dialled about once a second.
 */
const FRESH_MS = 2 * 60_000;
/** Beyond this a host counts as switched off. */
const RECENT_MS = 10 * 60_000;

/** A way that was found says that others may be open again: all are tried, but so often only. */
const WAKE_EVERY_MS = 5000;
/** A dial that hangs for so long began before the way was open. */
const HANGING_MS = 500;

/** Why a dial was given up: another is made at once. */
class Woken extends Error {}

/**
 * Keeps the members connected: dials those that are not, for ever, with capped exponential backoff
 * and jitter. libp2p's own keep-alive gives up after five tries, and gossipsub never dials: what
 * heals the mesh is this.
 */
export class Redial implements Startable {
  readonly #components: RedialComponents;
  readonly #init: Required<RedialInit>;
  readonly #entries = new Map<string, Entry>();
  #stopped: AbortController | undefined;
  #timer: Timer | undefined;
  #dials = 0;
  #wokenMs = Number.NEGATIVE_INFINITY;

  constructor(components: RedialComponents, init: RedialInit = {}) {
    this.#components = components;
    this.#init = { ...DEFAULTS, ...init };
  }

  async start(): Promise<void> {
    if (this.#stopped !== undefined) return;
    this.#stopped = new AbortController();
    this.poke();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#stopped?.abort(new Error('stopped'));
    this.#stopped = undefined;
    this.#entries.clear();
  }

  /** Looks at all members now: after the member list or an address has changed. */
  poke(): void {
    if (this.#stopped === undefined) return;
    this.#round(this.#stopped.signal);
    this.#arm();
  }

  /**
   * A member is connected (libp2p's `peer:connect`), whoever dialled. If it had been away, the way
   * to the others may be open again, too: they are tried now instead of after their waits.
   */
  onConnect(peer: string): void {
    const entry = this.#entries.get(peer);
    if (entry === undefined) return;
    const wasAway = entry.attempts > 0 || entry.dial !== undefined;
    this.#markConnected(entry);
    if (wasAway) this.#wakeOthers(entry);
  }

  /** The last connection to a peer is gone (libp2p's `peer:disconnect`): it is tried at once. */
  onDisconnect(peer: string): void {
    const entry = this.#entries.get(peer);
    if (entry !== undefined) this.#markLost(entry);
    this.poke();
  }

  /**
   * An address was heard of (mDNS, identify, a beat): the next try comes at once instead of after
   * its wait.
   */
  onAddress(peer: string): void {
    const entry = this.#entries.get(peer);
    // Not below the first wait: whoever can make up addresses must not make us dial without end.
    if (entry !== undefined) this.#wake(entry, this.#init.delayMinMs);
  }

  /** The state of every member, sorted by peer; for `status` and `doctor`. */
  states(): readonly RedialState[] {
    return [...this.#entries.values()]
      .map(({ peer, attempts, lastError, nextAtMs, awaySinceMs }) => ({
        ...{ peer, attempts, lastError, nextAtMs, awaySinceMs },
      }))
      .sort((a, b) => (a.peer < b.peer ? -1 : 1));
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = this.#components.clock.schedule(this.#roundMs(), () => this.poke());
  }

  #nowMs(): number {
    return this.#components.clock.monotonicMs();
  }

  /**
   * How long until the next entry is due; with all dials taken, the end of one brings the next
   * round.
   */
  #roundMs(): number {
    if (this.#dials >= this.#init.dialsMax) return ROUND_MS;
    const nowMs = this.#nowMs();
    let waitMs = ROUND_MS;
    for (const { nextAtMs } of this.#entries.values()) {
      if (nextAtMs !== undefined) waitMs = Math.min(waitMs, Math.max(1, nextAtMs - nowMs));
    }
    return waitMs;
  }

  #round(signal: AbortSignal): void {
    const members = new Set(this.#components.members());
    for (const peer of this.#entries.keys()) if (!members.has(peer)) this.#entries.delete(peer);
    for (const peer of members) if (!this.#entries.has(peer)) this.#add(peer);
    const due = [...this.#entries.values()].filter((entry) => this.#isDue(entry));
    // The one that waited longest first, so that a long list of dead hosts cannot hold up the
    // living.
    due.sort((a, b) => (a.nextAtMs ?? 0) - (b.nextAtMs ?? 0));
    for (const entry of due) {
      if (this.#dials < this.#init.dialsMax) void this.#dial(entry, signal);
    }
  }

  #add(peer: string): void {
    this.#entries.set(peer, {
      peer,
      attempts: 0,
      lastError: undefined,
      nextAtMs: this.#nowMs(),
      dial: undefined,
      connectedAtMs: undefined,
      awaySinceMs: this.#nowMs(),
      isTurningAway: false,
    });
  }

  #wakeOthers(found: Entry): void {
    const nowMs = this.#nowMs();
    if (this.#stopped === undefined || nowMs - this.#wokenMs < WAKE_EVERY_MS) return;
    this.#wokenMs = nowMs;
    for (const entry of this.#entries.values()) {
      if (entry === found || entry.isTurningAway) continue;
      // Not all at once: a host that is back is found by all the others in the same moment.
      this.#wake(entry, this.#init.delayMinMs * this.#components.random.fraction());
    }
    this.#arm();
  }

  /** The next try comes after so long at the latest; a dial that hangs makes room for it. */
  #wake(entry: Entry, withinMs: number): void {
    const nowMs = this.#nowMs();
    if (entry.nextAtMs !== undefined) {
      entry.nextAtMs = Math.min(entry.nextAtMs, nowMs + withinMs);
    } else if (entry.dial !== undefined && nowMs - entry.dial.startedMs >= HANGING_MS) {
      entry.dial.ended.abort(new Woken('another way may be open'));
    }
  }

  /** Brings the entry in line with what is connected, and tells whether it is to be dialled now. */
  #isDue(entry: Entry): boolean {
    if (entry.dial !== undefined) return false;
    if (this.#components.isConnected(entry.peer)) {
      this.#markConnected(entry);
      return false;
    }
    if (entry.connectedAtMs !== undefined) this.#markLost(entry);
    return entry.nextAtMs !== undefined && entry.nextAtMs <= this.#nowMs();
  }

  async #dial(entry: Entry, signal: AbortSignal): Promise<void> {
    const addresses = rotated(this.#components.addressesOf(entry.peer), entry.attempts);
    if (addresses.length === 0) {
      this.#markFailed(entry, 'no address is known');
      return;
    }
    const ended = new AbortController();
    const onStop = (): void => ended.abort(signal.reason);
    signal.addEventListener('abort', onStop, { once: true });
    const timer = this.#components.clock.schedule(this.#init.dialTimeoutMs, () =>
      ended.abort(new Error('the dial took too long')),
    );
    entry.dial = { ended, startedMs: this.#nowMs() };
    entry.nextAtMs = undefined;
    this.#dials += 1;
    try {
      await this.#components.dial(entry.peer, addresses, ended.signal);
      if (this.#components.isConnected(entry.peer)) this.#markConnected(entry);
      else this.#markTurnedAway(entry, 'the connection was closed at once');
    } catch (thrown) {
      this.#markUnreached(entry, ended.signal.reason instanceof Woken ? undefined : thrown);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onStop);
      entry.dial = undefined;
      this.#dials -= 1;
      this.poke();
    }
  }

  #markConnected(entry: Entry): void {
    entry.connectedAtMs ??= this.#nowMs();
    entry.lastError = undefined;
    entry.nextAtMs = undefined;
    if (this.#nowMs() - entry.connectedAtMs < this.#init.stableMs) return;
    entry.attempts = 0;
    entry.awaySinceMs = undefined;
    entry.isTurningAway = false;
  }

  /** @param thrown - why; undefined when the dial only made room for another */
  #markUnreached(entry: Entry, thrown: unknown): void {
    // It may have dialled this node meanwhile.
    if (this.#components.isConnected(entry.peer)) this.#markConnected(entry);
    else if (thrown === undefined) entry.nextAtMs = this.#nowMs();
    else {
      entry.isTurningAway = false;
      this.#markFailed(entry, whyFailed(toError(thrown)));
    }
  }

  #markTurnedAway(entry: Entry, message: string): void {
    entry.isTurningAway = true;
    this.#markFailed(entry, message);
  }

  #markLost(entry: Entry): void {
    if (entry.connectedAtMs === undefined) return;
    const wasStable = this.#nowMs() - entry.connectedAtMs >= this.#init.stableMs;
    entry.connectedAtMs = undefined;
    if (!wasStable) {
      this.#markTurnedAway(entry, 'the connection was lost soon after it was made');
      return;
    }
    entry.awaySinceMs = this.#nowMs();
    entry.isTurningAway = false;
    entry.attempts = 0;
    entry.nextAtMs = this.#nowMs();
  }

  #markFailed(entry: Entry, message: string): void {
    entry.attempts += 1;
    entry.lastError = message;
    entry.nextAtMs = this.#nowMs() + this.#waitMs(entry);
    const { peer, attempts } = entry;
    this.#components.logger.debug({ peer, attempts, error: message }, 'member not reached');
  }

  /**
   * Half of the wait is fixed, half is chance: members that lost the same host do not come back in
   * step.
   */
  #waitMs(entry: Entry): number {
    const capMs = this.#capMs(entry);
    const doublings = Math.min(entry.attempts - 1, 30);
    const wholeMs = Math.min(capMs, this.#init.delayMinMs * 2 ** doublings);
    return wholeMs / 2 + (wholeMs / 2) * this.#components.random.fraction();
  }

  /**
   * A host that went away lately is wanted back soon, and so is anybody by a node that is alone.
   */
  #capMs({ awaySinceMs, isTurningAway }: Entry): number {
    const { delayMaxMs, freshDelayMaxMs, recentDelayMaxMs } = this.#init;
    if (isTurningAway) return delayMaxMs;
    const awayMs = this.#nowMs() - (awaySinceMs ?? this.#nowMs());
    if (awayMs < FRESH_MS) return Math.min(freshDelayMaxMs, delayMaxMs);
    const isKnown = [...this.#entries.values()].some((it) => it.connectedAtMs !== undefined);
    if (awayMs < RECENT_MS || !isKnown) return Math.min(recentDelayMaxMs, delayMaxMs);
    return delayMaxMs;
  }
}

/**
 * The addresses, beginning with another one at each try. They are dialled one after the other, and
 * those where nobody answers, such as the private ones of a host far away, use up the time of a
 * dial: an address behind some of them would never be tried.
 */
export function rotated<T>(addresses: readonly T[], tries: number): readonly T[] {
  const from = addresses.length === 0 ? 0 : tries % addresses.length;
  return [...addresses.slice(from), ...addresses.slice(0, from)];
}

/** What the runtime says of a deadline that passed tells people nothing. */
function whyFailed(error: Error): string {
  return error.name === 'TimeoutError' ? 'no answer in time' : error.message;
}
