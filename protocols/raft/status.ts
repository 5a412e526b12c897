import type { RaftNode } from './roles/node.ts';
import type { PeerProgress, RaftStatus } from './types.ts';

/** What can be seen of a node. */
export function statusOf(node: RaftNode): RaftStatus {
  const { log } = node;
  return {
    self: node.self,
    role: node.role,
    term: node.term,
    vote: node.vote,
    leader: node.leader,
    commit: node.commit,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    configuration: log.configuration,
    configurationIndex: log.configurationIndex,
    transferee: node.lead?.transfer?.to ?? null,
    progress: progressOf(node),
    canVote: node.canVote,
    ignoredCount: node.ignoredCount,
  };
}

function progressOf({ lead, nowMs, timing }: RaftNode): readonly PeerProgress[] {
  const list: PeerProgress[] = [];
  for (const one of lead?.progress.values() ?? []) {
    list.push({
      peer: one.peer,
      isLearner: one.isLearner,
      match: one.match,
      isActive: one.answeredMs > 0 && nowMs - one.answeredMs <= timing.electionMs,
      answeredMs: one.answeredMs,
      hasLostLog: one.hasLostLog,
    });
  }
  return list;
}
