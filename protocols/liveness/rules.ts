/**
 * How long a member may be silent. SWIM gives a suspect time to refute (A. Das, I. Gupta, A.
 * Motivala: SWIM, DSN 2002, section 4.2); Lifeguard has a node that misses answers itself accuse
 * later (A. Dadgar, J. Phillips, J. Currey: Lifeguard, 2017, sections IV.A and IV.B). That the time
 * follows what the link is seen to do is the idea of accrual detectors (N. Hayashibara et al.: The
 * φ accrual failure detector, SRDS 2004).
 */

/** The times that liveness goes by. */
export interface LivenessTimes {
  /** Between two pings of a member. Default 600. */
  readonly pingEveryMs: number;
  /** A ping unanswered for so long makes a suspect. Default 800. */
  readonly suspectAfterMs: number;
  /** A suspect of whom nobody brings a sign of life for so long is unreachable. Default 2,000. */
  readonly unreachableAfterMs: number;
  /** Between two rounds of asking others for a suspect. Default 700. */
  readonly askEveryMs: number;
}

/**
 * A frozen host is unreachable after pingEvery + suspectAfter + unreachableAfter = 3.4 s at most,
 * below the five seconds that are promised; one that ended, whose connections close, after 2 s.
 */
export const LIVENESS_TIMES: LivenessTimes = {
  pingEveryMs: 600,
  suspectAfterMs: 800,
  unreachableAfterMs: 2_000,
  askEveryMs: 700,
};

/** A wait shorter than this is no news. */
const SPELL_MS_MIN = 300;
/** A link is judged by so much of its past. */
const SPELLS_KEPT_MS = 120_000;
const SPELLS_MAX = 8;
/**
 * So many of the longest waits say nothing of the link: a host that was frozen, or busy with
 * starting something, waits a few times; a link that loses much waits all the time.
 */
const SPELLS_FORGIVEN = 3;

/** The longest that a bad link gets: a host on it that dies is found out about a minute later. */
const SUSPECT_AFTER_MS_MAX = 10_000;
const UNREACHABLE_AFTER_MS_MAX = 60_000;

/** Answers that this node missed count for so long. */
const MISS_KEPT_MS = 20_000;
/** Lifeguard's saturation: accusing takes at most this many times as long, and once more. */
const MISSES_MAX = 3;

/**
 * While others could be asked, so many of them must have said that they do not reach a suspect;
 * where their answers do not come, this node waits so many times as long before it goes by the time
 * alone.
 */
export const SILENT_WITNESSES = 2;
export const WITNESS_PATIENCE = 4;

/** A wait for an answer that came in the end. */
export interface Spell {
  readonly waitedMs: number;
  /** Monotonic time of the answer. */
  readonly atMs: number;
}

/** Adds a wait to those of a link; the shortest and those past their time go. */
export function addSpell(spells: readonly Spell[], spell: Spell): readonly Spell[] {
  if (spell.waitedMs < SPELL_MS_MIN) return spells;
  const kept = spells.filter(({ atMs }) => spell.atMs - atMs <= SPELLS_KEPT_MS);
  return [...kept, spell].sort((a, b) => b.waitedMs - a.waitedMs).slice(0, SPELLS_MAX);
}

/** What a member is allowed. */
export interface Allowance {
  readonly suspectAfterMs: number;
  readonly unreachableAfterMs: number;
}

/**
 * A link on which answers take so long loses segments. TCP waits twice as long for each further
 * loss of the same one (RFC 6298, section 5.5), so that the next wait may be many times this one:
 * at 30 % loss a link stands still for many seconds now and then.
 */
const LOSSY_MS = 1_500;

/** Round trips on one network, busy hosts included. */
const NEAR_RTT_MS = 40;

/** A link that nothing is known of may be a slow one. */
const RTT_UNKNOWN_MS = 300;

/** What is known of a link, and of this node. */
export interface LinkFacts {
  readonly nowMs: number;
  /** Shortest of the latest round trips; undefined while there is none. */
  readonly rttMs: number | undefined;
  /** 1 while this node is well, see {@link computeSlowdown}. */
  readonly slowdown: number;
}

/**
 * What a link's past and this node's own health allow a member: several times its longest
 * wait, but for a few.
 */
export function computeAllowance(
  times: LivenessTimes,
  spells: readonly Spell[],
  { nowMs, rttMs = RTT_UNKNOWN_MS, slowdown }: LinkFacts,
): Allowance {
  const recent = spells.filter(({ atMs }) => nowMs - atMs <= SPELLS_KEPT_MS);
  const slowMs = recent[SPELLS_FORGIVEN]?.waitedMs ?? 0;
  const suspectMs = Math.max(times.suspectAfterMs, 1.25 * slowMs) + 4 * rttMs;
  // A long way that never kept anyone waiting is only long.
  const wayMs = 8 * rttMs + (recent.length > 0 ? 32 * Math.max(0, rttMs - NEAR_RTT_MS) : 0);
  const patienceMs = Math.max(2 * slowMs, 20 * (slowMs - LOSSY_MS));
  const unreachableMs = Math.max(times.unreachableAfterMs, patienceMs) * slowdown + wayMs;
  return {
    suspectAfterMs: Math.min(suspectMs, SUSPECT_AFTER_MS_MAX),
    unreachableAfterMs: Math.min(unreachableMs, UNREACHABLE_AFTER_MS_MAX),
  };
}

/** How this node itself does. */
export interface OwnHealth {
  /** Monotonic times at which members that count as alive did not answer what they were asked. */
  readonly missesMs: readonly number[];
  /** All that were alive fell silent together, without a connection being closed. */
  readonly isDeaf: boolean;
}

/**
 * By how much this node slows down accusing others: who hears nobody is more likely to be the sick
 * one itself.
 */
export function computeSlowdown(health: OwnHealth, nowMs: number): number {
  const recent = health.missesMs.filter((atMs) => nowMs - atMs <= MISS_KEPT_MS).length;
  return 1 + Math.max(Math.min(recent, MISSES_MAX), health.isDeaf ? 2 : 0);
}

/** Keeps the misses that still count. */
export function addMiss(missesMs: readonly number[], nowMs: number): readonly number[] {
  return [...missesMs.filter((atMs) => nowMs - atMs <= MISS_KEPT_MS), nowMs].slice(-MISSES_MAX);
}
