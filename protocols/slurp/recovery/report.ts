import type { RaftStatus } from '../../raft/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import type { SignedHead } from '../machine/codec.ts';
import type { EpochBook } from './epoch-book.ts';
import { epochOf, type MemberReport } from './recovery-rules.ts';

/** A verified head, as far as a report says anything of it. */
interface KnownHead {
  readonly signed: { readonly head: Pick<SignedHead['head'], 'index'> };
}

/** What {@link reportOf} looks at. */
export interface ReportSources {
  readonly meshLog: Pick<
    MeshLog,
    'appliedTerm' | 'commitIndex' | 'held' | 'state' | 'tailIndex' | 'term'
  >;
  readonly trust: {
    readonly epochs: Pick<EpochBook, 'current' | 'isBehind'>;
    /** The highest verified head that the log here fits. */
    highest(): KnownHead | undefined;
    /** The highest verified head, whether or not its entries are here. */
    newest(): KnownHead | undefined;
  };
  readonly consensus: {
    readonly canVote: boolean;
    readonly raft: Pick<RaftStatus, 'leader'> | undefined;
  };
}

/** What a node says of itself when a recovery is considered. */
export function reportOf({ meshLog, trust, consensus }: ReportSources): Omit<MemberReport, 'peer'> {
  const { tailIndex: index } = meshLog;
  const headIndex = trust.highest()?.signed.head.index ?? 0;
  return {
    // Of the log that it speaks for: one that it only heard of may lead on from less, or from more.
    epoch: trust.epochs.isBehind ? epochOf(meshLog.state) : trust.epochs.current,
    canVote: consensus.canVote,
    isLed: consensus.raft?.leader != null,
    tail: { index, term: meshLog.held.termOf(index) ?? meshLog.appliedTerm },
    headIndex,
    knownIndex: Math.max(headIndex, trust.newest()?.signed.head.index ?? 0, meshLog.commitIndex),
    term: meshLog.term,
  };
}
