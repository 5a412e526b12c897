import type { Configuration } from '../../../raft/index.ts';

/** A member as the plan sees it. */
export interface Candidate {
  readonly peer: string;
  /** Connected to the leader right now. */
  readonly isConnected: boolean;
  /** Order of admission: among equals the older member gets the seat. */
  readonly addedIndex: number;
  /** It did not answer when it had a seat: it gets one that nobody else is there for. */
  readonly isLast?: boolean | undefined;
}

/** A voter or learner as the leader sees it. */
export interface Seat {
  readonly peer: string;
  /** Holds all but the last few entries, and answered within the last second. */
  readonly isCaughtUp: boolean;
  /** For how long it has not answered, milliseconds. */
  readonly silentMs: number;
  /** Lost what it had promised: neither votes nor acknowledges until it was a learner again. */
  readonly hasLostState: boolean;
}

/** What the plan is made from. */
export interface VoterPlanInput {
  readonly self: string;
  readonly configuration: Configuration;
  readonly target: 'auto' | 1 | 3 | 5;
  /** All members, removed ones left out. */
  readonly members: readonly Candidate[];
  /** The other voters and the learners. */
  readonly seats: readonly Seat[];
  /** A voter silent for this long gives its seat away, milliseconds. */
  readonly voterAwayMs: number;
  /** The old voters have not signed for the new ones yet: they must go on hearing of it. */
  readonly isUnlinked: boolean;
  /** Members that are about to be let go: their seats go to others. */
  readonly leaving?: ReadonlySet<string> | undefined;
}

/** A learner that is silent for this long is no candidate any more. */
export const LEARNER_AWAY_MS = 10_000;

/** Voters that the mesh should have: never an even number (docs/protocols/slurp.md, Roles). */
export function votersWanted(target: VoterPlanInput['target'], memberCount: number): number {
  const wanted = target === 'auto' ? (memberCount < 3 ? 1 : memberCount < 7 ? 3 : 5) : target;
  const possible = memberCount % 2 === 0 ? memberCount - 1 : memberCount;
  return Math.max(1, Math.min(wanted, possible));
}

/**
 * The next change of the configuration, which differs by at most one voter; undefined when it is as
 * it should be, or when what it takes is not there yet. Growing begins only when as many learners
 * as it takes are caught up, so that an even number does not last.
 */
export function planVoters(everything: VoterPlanInput): Configuration | undefined {
  const input = withoutLeaving(everything);
  return (
    dropOne(input, removedSeat(input)) ??
    demoteLost(input) ??
    dropLostLearner(input) ??
    demote(input, superfluous(input)) ??
    promote(input) ??
    dropOne(input, awayVoter(input)) ??
    tidyLearners(input)
  );
}

/** Who is about to leave is no candidate, and does not count as a member that wants voters. */
function withoutLeaving(input: VoterPlanInput): VoterPlanInput {
  const { leaving, members } = input;
  if (leaving === undefined || leaving.size === 0) return input;
  return { ...input, members: members.filter(({ peer }) => !leaving.has(peer)) };
}

/** A seat of somebody who is no member any more. */
function removedSeat({ configuration, members, leaving }: VoterPlanInput): string | undefined {
  const peers = new Set(members.map(({ peer }) => peer));
  return configuration.voters.find((peer) => !peers.has(peer) && leaving?.has(peer) !== true);
}

/** Voters that are about to leave: for each another is wanted. */
function leavingVoters({ configuration, leaving }: VoterPlanInput): readonly string[] {
  return configuration.voters.filter((peer) => leaving?.has(peer) === true);
}

/** Who lost its state becomes a learner, which is the way back to a vote. */
function demoteLost({ configuration, seats }: VoterPlanInput): Configuration | undefined {
  const { voters, learners } = configuration;
  if (voters.length < 3) return undefined;
  const lost = seats.find((it) => it.hasLostState && voters.includes(it.peer));
  if (lost === undefined) return undefined;
  return {
    voters: voters.filter((peer) => peer !== lost.peer),
    learners: [...learners, lost.peer],
  };
}

/** A learner that lost its state is let go; it is added anew with the next change. */
function dropLostLearner({ configuration, seats }: VoterPlanInput): Configuration | undefined {
  const { voters, learners } = configuration;
  const isLost = (peer: string): boolean => seats.some((it) => it.peer === peer && it.hasLostState);
  const kept = learners.filter((peer) => !isLost(peer));
  return kept.length === learners.length ? undefined : { voters, learners: kept };
}

/**
 * One voter more than wanted: one that leaves first, else a silent one, the leader last. A leader
 * that leaves hands over, and the next one sees to it.
 */
function superfluous(input: VoterPlanInput): string | undefined {
  const { configuration, target, members, self } = input;
  const { voters } = configuration;
  if (voters.length <= votersWanted(target, members.length)) return undefined;
  const leaving = leavingVoters(input);
  if (leaving.length > 0) return leaving.find((peer) => peer !== self);
  const silentMs = (peer: string): number => seatOf(input, peer)?.silentMs ?? 0;
  const others = voters.filter((peer) => peer !== self);
  return [...others].sort((a, b) => silentMs(b) - silentMs(a))[0];
}

function promote(input: VoterPlanInput): Configuration | undefined {
  const { configuration, target, members, leaving } = input;
  const { voters, learners } = configuration;
  const staying = voters.length - leavingVoters(input).length;
  const missing = votersWanted(target, members.length) - staying;
  if (missing <= 0) return undefined;
  const ready = learners.filter(
    (peer) => leaving?.has(peer) !== true && seatOf(input, peer)?.isCaughtUp === true,
  );
  // From an odd number it takes two, one after the other; from an even one the next may go ahead.
  const needed = voters.length % 2 === 0 ? 1 : Math.min(2, missing);
  const [next] = ready;
  if (next === undefined || ready.length < needed) return undefined;
  return { voters: [...voters, next], learners: learners.filter((peer) => peer !== next) };
}

/**
 * A voter that has been away for long while somebody else is ready: the seat falls free, and the
 * next round gives it away.
 */
function awayVoter(input: VoterPlanInput): string | undefined {
  const { configuration, voterAwayMs } = input;
  const { voters, learners } = configuration;
  const isReady = learners.some((peer) => seatOf(input, peer)?.isCaughtUp === true);
  if (!isReady || voters.length < 3) return undefined;
  return voters.find((peer) => (seatOf(input, peer)?.silentMs ?? 0) >= voterAwayMs);
}

/** Learners are as many as there are seats to fill, and answer. */
function tidyLearners(input: VoterPlanInput): Configuration | undefined {
  if (input.isUnlinked) return undefined;
  const { configuration, members, target, voterAwayMs } = input;
  const { voters, learners } = configuration;
  const connected = new Set(members.filter((it) => it.isConnected).map(({ peer }) => peer));
  const isAway = (peer: string): boolean =>
    !connected.has(peer) && (seatOf(input, peer)?.silentMs ?? 0) >= LEARNER_AWAY_MS;
  const isMember = (peer: string): boolean => members.some((it) => it.peer === peer);
  const away = voters.filter((peer) => (seatOf(input, peer)?.silentMs ?? 0) >= voterAwayMs);
  const free = new Set([...away, ...leavingVoters(input)]).size;
  const wanted = Math.max(0, votersWanted(target, members.length) - voters.length + free);
  const kept = learners.filter((peer) => isMember(peer) && !isAway(peer)).slice(0, wanted);
  const taken = new Set([...voters, ...kept]);
  const fresh = members
    .filter((it) => it.isConnected && !taken.has(it.peer))
    .sort((a, b) => lastness(a) - lastness(b) || a.addedIndex - b.addedIndex)
    .slice(0, wanted - kept.length)
    .map(({ peer }) => peer);
  const next = [...kept, ...fresh];
  const isSame = next.length === learners.length && next.every((peer) => learners.includes(peer));
  return isSame ? undefined : { voters, learners: next };
}

const lastness = ({ isLast }: Candidate): number => (isLast === true ? 1 : 0);

/**
 * Makes a voter a learner: it signs for the voters that come after it, so it must hear of them.
 */
function demote(
  { configuration }: VoterPlanInput,
  peer: string | undefined,
): Configuration | undefined {
  const { voters, learners } = configuration;
  if (peer === undefined || voters.length === 1) return undefined;
  return { voters: voters.filter((it) => it !== peer), learners: [...learners, peer] };
}

/** The configuration without that voter, unless it is the last one. */
function dropOne(
  { configuration }: VoterPlanInput,
  peer: string | undefined,
): Configuration | undefined {
  const { voters, learners } = configuration;
  if (peer === undefined || voters.length === 1) return undefined;
  return { voters: voters.filter((it) => it !== peer), learners };
}

function seatOf({ seats }: VoterPlanInput, peer: string): Seat | undefined {
  return seats.find((it) => it.peer === peer);
}
