import {
  CooeeError,
  type ErrorDetails,
  type StateReader,
  voterSetKey,
} from '../../interface/index.ts';
import type { Recovery } from './recovery-link.ts';

/** An epoch of the mesh: the number, and which recovery began it. */
export interface Epoch {
  readonly epoch: number;
  /** Id of the recovery; empty in the first epoch. */
  readonly id: string;
}

/** Before any recovery. */
export const FIRST_EPOCH: Epoch = { epoch: 0, id: '' };

/** The epoch that a state is of: what its last voters were chosen in. */
export function epochOf(state: StateReader): Epoch {
  const row = state.get('voterset', voterSetKey(state.size('voterset')));
  return row?.epoch === undefined ? FIRST_EPOCH : { epoch: row.epoch, id: row.recovery ?? '' };
}

/**
 * What a recovery that was verified is to a node in an epoch: the higher epoch goes on; two of the
 * same are rivals, and nobody but the operator can say which is meant.
 */
export function judgeRecovery(
  known: Epoch,
  found: Pick<Recovery, 'epoch' | 'id'>,
): 'news' | 'known' | 'rival' | 'old' {
  if (found.epoch > known.epoch) return 'news';
  if (found.epoch < known.epoch) return 'old';
  return found.id === known.id ? 'known' : 'rival';
}

/** What a member says of itself when a recovery is considered. */
export interface MemberReport {
  readonly peer: string;
  readonly epoch: Epoch;
  /** It drives Raft as a voter, and has what it promised. */
  readonly canVote: boolean;
  /** It hears of a leader. */
  readonly isLed: boolean;
  /** The end of its log, and the highest index that a majority signed for, as it knows it. */
  readonly tail: { readonly index: number; readonly term: number };
  readonly headIndex: number;
  /** The highest index that it knows to be signed for, whether or not it has the entries. */
  readonly knownIndex: number;
  /** Its hard state's term. */
  readonly term: number;
}

/** What a recovery is decided by. */
export interface RecoveryFacts {
  readonly self: MemberReport;
  /** Members that answered; without this node. */
  readonly reports: readonly MemberReport[];
  readonly voters: readonly string[];
  /** Voters that the operator says are lost. */
  readonly lost: readonly string[];
  /** Two recoveries halted this node: the operator chooses its own branch. */
  readonly isChoosing: boolean;
  /** A recovery is known that is not part of the state here. */
  readonly isBehind: boolean;
  /**
   * This node leads, and has tried for long to have a change of voters signed by these, the voters
   * before it: without them no member that only follows believes anything later. Empty otherwise.
   */
  readonly unproved: readonly string[];
}

/** Voters that cannot be reached: what the operator must name as lost. */
export function awayVoters({
  self,
  reports,
  voters,
  unproved,
}: Pick<RecoveryFacts, 'self' | 'reports' | 'voters' | 'unproved'>): readonly string[] {
  const here = new Set([self, ...reports].map(({ peer }) => peer));
  return [...new Set([...voters, ...unproved])].filter((peer) => !here.has(peer));
}

/**
 * Refuses a recovery that is not needed, or that would give up more than it must.
 *
 * @throws CooeeError ERR_SLURP_QUORUM; ERR_SLURP_RECOVERY with details.reason `epoch`, `longer` or
 * `lost`
 */
export function assertRecovery(facts: RecoveryFacts): void {
  const { self, reports, lost } = facts;
  // What a member only says of epochs counts for nothing: whoever follows one shows its recovery.
  if (facts.isBehind) throw refusal('epoch', 'a later recovery is followed elsewhere', {});
  if (!facts.isChoosing && facts.unproved.length === 0) assertNoQuorum(facts);
  const isSame = (it: MemberReport): boolean => it.epoch.id === self.epoch.id;
  const longer = reports.find((it) => isSame(it) && isLonger(it, self));
  if (longer !== undefined) {
    throw refusal('longer', `the log of ${longer.peer} is longer: recover there`, {
      peer: longer.peer,
      theirs: Math.max(longer.headIndex, longer.tail.index),
      ours: self.tail.index,
    });
  }
  const unnamed = awayVoters(facts).filter((peer) => !lost.includes(peer));
  if (unnamed.length > 0) {
    throw refusal('lost', `these voters do not answer: ${unnamed.join(' ')}`, {
      lost: unnamed.join(' '),
    });
  }
}

function assertNoQuorum({ self, reports, voters }: RecoveryFacts): void {
  const led = reports.find(({ isLed, epoch }) => isLed && epoch.id === self.epoch.id);
  const able = [self, ...reports].filter(
    ({ peer, canVote, epoch }) => canVote && voters.includes(peer) && epoch.id === self.epoch.id,
  );
  if (led === undefined && !self.isLed && able.length * 2 <= voters.length) return;
  throw new CooeeError('ERR_SLURP_QUORUM', undefined, {
    details: {
      voters: voters.length,
      reachable: able.map(({ peer }) => peer).join(' '),
      ...(led === undefined ? {} : { ledBy: led.peer }),
    },
  });
}

/**
 * A head that a majority signed is worth more than any end of a log; of two ends the one of the
 * later term is (Ongaro 2014, section 3.6.1). Only who voted has an end that may be committed.
 */
function isLonger(theirs: MemberReport, ours: MemberReport): boolean {
  if (theirs.headIndex > ours.tail.index) return true;
  if (!theirs.canVote) return false;
  const { index, term } = theirs.tail;
  return term > ours.tail.term || (term === ours.tail.term && index > ours.tail.index);
}

function refusal(reason: string, message: string, details: ErrorDetails): CooeeError {
  return new CooeeError('ERR_SLURP_RECOVERY', message, { details: { reason, ...details } });
}
