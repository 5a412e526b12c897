import type { RaftStatus } from '../../protocols/raft/index.ts';
import type { StatusView } from '../api/routes/index.ts';
import type { NodeParts } from '../node.ts';

/** Two recoveries of one epoch: nothing is decided until the operator has chosen. */
export interface Rivals {
  readonly epoch: number;
  /** Id of the recovery that this node follows. */
  readonly here: string;
  readonly elsewhere: string;
}

/** The rival recoveries that this node knows of; undefined = the mesh was not recovered twice. */
export function rivalsOf({ trust }: Pick<NodeParts, 'trust'>): Rivals | undefined {
  const { rival, current } = trust.epochs;
  if (rival === undefined) return undefined;
  return { epoch: current.epoch, here: current.id, elsewhere: rival.id };
}

type FollowerView = StatusView['slurp']['followers'][number];

/**
 * How far the other voters and the learners are, as the leader knows it; empty on every other node.
 *
 * @param nowMs - by the monotonic clock
 */
export function followersOf(raft: RaftStatus | undefined, nowMs: number): FollowerView[] {
  if (raft?.role !== 'leader') return [];
  return raft.progress
    .filter(({ peer }) => peer !== raft.self)
    .map(({ peer, isLearner, match, answeredMs }) => ({
      peer,
      isLearner,
      lagEntries: Math.max(0, raft.lastIndex - match),
      silentMs: answeredMs > 0 ? Math.max(0, Math.round(nowMs - answeredMs)) : null,
    }));
}
