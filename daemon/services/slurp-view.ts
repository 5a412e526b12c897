import type { RaftStatus } from '../../protocols/raft/index.ts';
import type { StatusView } from '../api/routes/index.ts';

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
