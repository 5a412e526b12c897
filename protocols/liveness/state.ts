import {
  type Allowance,
  addSpell,
  computeAllowance,
  type LinkFacts,
  type LivenessTimes,
  SILENT_WITNESSES,
  type Spell,
  WITNESS_PATIENCE,
} from './rules.ts';

/**
 * What a member is to this node. `suspect`: silent here, others are asked for it or reach it;
 * `unreachable`: nobody brings a sign of life; `left`: it said goodbye.
 */
export type LivenessState = 'alive' | 'suspect' | 'unreachable' | 'left';

/** A question to another member for a suspect. */
export interface Asked {
  readonly peer: string;
  /** Monotonic time of the question. */
  readonly atMs: number;
  /** `none`: no answer came; the one that was asked may be gone itself. */
  readonly answer: 'waiting' | 'reached' | 'silent' | 'none';
}

/** How it is with one member. */
export interface Watch {
  readonly peer: string;
  readonly state: LivenessState;
  /** Monotonic time from which it is in this state. */
  readonly sinceMs: number;
  /** One sentence for people. */
  readonly reason: string;
  /** Monotonic time of its last sign of life to this node. */
  readonly heardMs: number | undefined;
  /** Monotonic time of the last sign of life that another brought. */
  readonly vouchedMs: number | undefined;
  /** Who brought it. */
  readonly vouchedBy: string | undefined;
  /** Monotonic time of the first ping that waits for an answer. */
  readonly waitingMs: number | undefined;
  readonly pingedMs: number;
  /** Monotonic time of its last connection. */
  readonly metMs: number;
  readonly spells: readonly Spell[];
  readonly isClosed: boolean;
  /** Its start, as it said itself; 0 before that. */
  readonly boot: number;
  /** The start that said goodbye; 0 when none did. */
  readonly byeBoot: number;
  /** Newest first. */
  readonly asked: readonly Asked[];
}

/** What a tick goes by. */
export interface TickFacts extends Omit<LinkFacts, 'rttMs'> {
  /** Shortest of the latest round trips with a member. */
  readonly rttMs: (peer: string) => number | undefined;
}

/** Something became of a member. */
export interface StateChange {
  readonly peer: string;
  readonly before: LivenessState;
  readonly after: LivenessState;
}

const ASKED_KEPT = 16;

/** A host that has just connected is likely to be starting. */
const START_MS = 3_000;

/** A member that is out of reach is asked for so often, to see whether it is so for all. */
const ASK_LOST_EVERY_MS = 10_000;

/** All that counted as alive within this time: those who can fall silent together. */
const DEAF_WITHIN_MS = 30_000;

/**
 * What became of each member, by the signs of life that this node had itself or that others proved.
 * Nobody's word makes a member unreachable: only that no sign of life came in time. Pure; monotonic
 * times come in with each call.
 */
export class LivenessTable {
  readonly #times: LivenessTimes;
  readonly #watches = new Map<string, Watch>();

  constructor(times: LivenessTimes) {
    this.#times = times;
  }

  get(peer: string): Watch | undefined {
    return this.#watches.get(peer);
  }

  all(): Iterable<Watch> {
    return this.#watches.values();
  }

  /** Watches exactly these members. New ones begin as suspects that nothing is known of. */
  watch(peers: ReadonlySet<string>, nowMs: number): void {
    for (const peer of this.#watches.keys()) if (!peers.has(peer)) this.#watches.delete(peer);
    for (const peer of peers) if (!this.#watches.has(peer)) this.#add(peer, nowMs);
  }

  /** Whether its agents count as being there: heard of, and not lost since. */
  isReachable(peer: string): boolean {
    const watch = this.#watches.get(peer);
    if (watch === undefined || (watch.heardMs ?? watch.vouchedMs) === undefined) return false;
    return watch.state === 'alive' || watch.state === 'suspect';
  }

  /** A connection was opened: its handshake is a sign of life, of whichever start. */
  connected(peer: string, nowMs: number): StateChange | undefined {
    const watch = this.#watches.get(peer) ?? this.#add(peer, nowMs);
    this.#watches.set(peer, { ...watch, isClosed: false, metMs: nowMs });
    return this.#alive(peer, nowMs, 'it is connected');
  }

  /** It answered, or asked something itself. What crossed its goodbye brings nobody back. */
  heard(peer: string, nowMs: number, boot = 0): StateChange | undefined {
    const watch = this.#watches.get(peer);
    if (watch === undefined) return undefined;
    const known = { ...watch, boot: Math.max(watch.boot, boot) };
    this.#watches.set(peer, known);
    if (watch.state === 'left' && known.boot <= watch.byeBoot) return undefined;
    return this.#alive(peer, nowMs, 'it answers');
  }

  /** A ping goes out, or could not, since it is not connected. */
  pinged(peer: string, nowMs: number): void {
    const watch = this.#watches.get(peer);
    if (watch === undefined) return;
    this.#watches.set(peer, { ...watch, pingedMs: nowMs, waitingMs: watch.waitingMs ?? nowMs });
  }

  /** Its last connection was closed: what ended does so, and so does what lost its way. */
  closed(peer: string, nowMs: number): StateChange | undefined {
    const watch = this.#watches.get(peer);
    if (watch === undefined || watch.state === 'left') return undefined;
    const closed = { ...watch, isClosed: true, waitingMs: watch.waitingMs ?? nowMs };
    this.#watches.set(peer, closed);
    if (isGone(closed)) return this.#set(closed, 'left', { nowMs, reason: 'it said goodbye' });
    if (watch.state !== 'alive') return undefined;
    return this.#set(closed, 'suspect', { nowMs, reason: 'its connection was closed' });
  }

  /**
   * It said that this start of it ends.
   *
   * @param registeredBoot - its latest start in the log: an older goodbye is history
   */
  bye(peer: string, boot: number, at: { nowMs: number; registeredBoot: number }): boolean {
    const watch = this.#watches.get(peer);
    if (watch === undefined || boot < Math.max(watch.boot, at.registeredBoot)) return false;
    this.#watches.set(peer, { ...watch, byeBoot: Math.max(watch.byeBoot, boot) });
    return true;
  }

  /** After {@link bye}: takes it for left. */
  left(peer: string, nowMs: number): StateChange | undefined {
    const watch = this.#watches.get(peer);
    if (watch === undefined || watch.state === 'left') return undefined;
    return this.#set(watch, 'left', { nowMs, reason: 'it said goodbye' });
  }

  /** Another brought a sign of life of it. */
  vouched(peer: string, by: string, nowMs: number): StateChange | undefined {
    const watch = this.#watches.get(peer);
    if (watch === undefined || watch.state === 'left') return undefined;
    const vouched = { ...watch, vouchedMs: nowMs, vouchedBy: by };
    this.#watches.set(peer, vouched);
    if (watch.state !== 'unreachable') return undefined;
    return this.#set(vouched, 'suspect', { nowMs, reason: 'only others reach it' });
  }

  /** Another is asked for it. */
  asking(peer: string, helper: string, nowMs: number): void {
    const watch = this.#watches.get(peer);
    if (watch === undefined) return;
    const asked: Asked = { peer: helper, atMs: nowMs, answer: 'waiting' };
    this.#watches.set(peer, { ...watch, asked: [asked, ...watch.asked].slice(0, ASKED_KEPT) });
  }

  /** What the one that was asked came back with. */
  answered(peer: string, question: Pick<Asked, 'peer' | 'atMs'>, answer: Asked['answer']): void {
    const watch = this.#watches.get(peer);
    if (watch === undefined) return;
    const asked = watch.asked.map((it) =>
      it.peer === question.peer && it.atMs === question.atMs ? { ...it, answer } : it,
    );
    this.#watches.set(peer, { ...watch, asked });
  }

  /** This node itself stood still for so long: nobody else was silent in that time. */
  stoodStill(byMs: number): void {
    for (const [peer, watch] of this.#watches) {
      const waitingMs = watch.waitingMs === undefined ? undefined : watch.waitingMs + byMs;
      const sinceMs = watch.state === 'suspect' ? watch.sinceMs + byMs : watch.sinceMs;
      this.#watches.set(peer, { ...watch, waitingMs, sinceMs });
    }
  }

  /** What time has made of the members. */
  tick({ nowMs, slowdown, rttMs }: TickFacts): StateChange[] {
    const changes: (StateChange | undefined)[] = [];
    for (const watch of [...this.#watches.values()]) {
      const allowed = this.allowance(watch, { nowMs, slowdown, rttMs: rttMs(watch.peer) });
      if (watch.state === 'alive') changes.push(this.#suspectLate(watch, allowed, nowMs));
      if (watch.state === 'suspect') changes.push(this.#giveUp(watch, allowed, nowMs));
    }
    return changes.filter((it) => it !== undefined);
  }

  /** What it is allowed now. */
  allowance(watch: Watch, at: LinkFacts): Allowance {
    // While it is waited for nothing new is learnt of its link, and nothing forgotten.
    const nowMs = watch.waitingMs ?? at.nowMs;
    return computeAllowance(this.#times, watch.spells, { ...at, nowMs });
  }

  /** Whether others should be asked for it now. */
  isToAsk({ state, asked }: Watch, nowMs: number): boolean {
    if (state === 'alive' || state === 'left') return false;
    const everyMs = state === 'suspect' ? this.#times.askEveryMs : ASK_LOST_EVERY_MS;
    const [last] = asked;
    return last === undefined || nowMs - last.atMs >= everyMs;
  }

  /**
   * All that were alive lately are silent, two at least, and some of them without their connection
   * having been closed: rather this node hears nothing.
   */
  isDeaf(nowMs: number): boolean {
    const lately = [...this.#watches.values()].filter(
      ({ state, heardMs }) =>
        state !== 'left' && heardMs !== undefined && nowMs - heardMs <= DEAF_WITHIN_MS,
    );
    const isSilent = lately.every(({ state }) => state !== 'alive');
    return lately.length >= 2 && isSilent && lately.some(({ isClosed }) => !isClosed);
  }

  #add(peer: string, nowMs: number): Watch {
    const watch: Watch = {
      peer,
      state: 'suspect',
      sinceMs: nowMs,
      reason: 'it was not heard of since this node started',
      heardMs: undefined,
      vouchedMs: undefined,
      vouchedBy: undefined,
      waitingMs: undefined,
      pingedMs: Number.NEGATIVE_INFINITY,
      metMs: nowMs,
      spells: [],
      isClosed: false,
      boot: 0,
      byeBoot: 0,
      asked: [],
    };
    this.#watches.set(peer, watch);
    return watch;
  }

  #alive(peer: string, nowMs: number, reason: string): StateChange | undefined {
    const watch = this.#watches.get(peer);
    if (watch === undefined) return undefined;
    const { state, waitingMs } = watch;
    // Who was given up was away, and who starts is busy: that says nothing of the link.
    const isTelling = (state === 'alive' || state === 'suspect') && nowMs - watch.metMs > START_MS;
    const isSpell = waitingMs !== undefined && isTelling;
    const spells = isSpell
      ? addSpell(watch.spells, { waitedMs: nowMs - waitingMs, atMs: nowMs })
      : watch.spells;
    const heard = { ...watch, heardMs: nowMs, waitingMs: undefined, spells };
    this.#watches.set(peer, heard);
    if (state === 'alive') return undefined;
    return this.#set({ ...heard, asked: [] }, 'alive', { nowMs, reason });
  }

  #suspectLate(watch: Watch, allowed: Allowance, nowMs: number): StateChange | undefined {
    const waitedMs = watch.waitingMs === undefined ? 0 : nowMs - watch.waitingMs;
    if (waitedMs < allowed.suspectAfterMs) return undefined;
    const reason = `no answer for ${(waitedMs / 1000).toFixed(1)} s`;
    return this.#set(watch, 'suspect', { nowMs, reason });
  }

  #giveUp(watch: Watch, allowed: Allowance, nowMs: number): StateChange | undefined {
    const signMs = Math.max(watch.sinceMs, watch.vouchedMs ?? 0);
    const quietMs = nowMs - signMs;
    if (quietMs < allowed.unreachableAfterMs) return undefined;
    const isEnough = quietMs >= WITNESS_PATIENCE * allowed.unreachableAfterMs;
    if (!isEnough && !this.#isWitnessed(watch, signMs)) return undefined;
    if (isGone(watch)) return this.left(watch.peer, nowMs);
    const { reason } = watch;
    return this.#set(watch, 'unreachable', { nowMs, reason: `${reason}; nobody reaches it` });
  }

  /** Whether those who could be asked for it lately said that they do not reach it either. */
  #isWitnessed({ peer, asked }: Watch, signMs: number): boolean {
    const since = asked.filter(({ atMs }) => atMs >= signMs);
    const silent = since.filter(({ answer }) => answer === 'silent').map((it) => it.peer);
    const others = [...this.#watches.values()].filter(
      (it) => it.peer !== peer && it.state === 'alive',
    );
    return new Set(silent).size >= Math.min(SILENT_WITNESSES, others.length);
  }

  #set(
    watch: Watch,
    after: LivenessState,
    { nowMs, reason }: { readonly nowMs: number; readonly reason: string },
  ): StateChange {
    this.#watches.set(watch.peer, { ...watch, state: after, sinceMs: nowMs, reason });
    return { peer: watch.peer, before: watch.state, after };
  }
}

/** The start that was last heard of said goodbye. */
function isGone({ byeBoot, boot }: Watch): boolean {
  return byeBoot > 0 && boot <= byeBoot;
}
