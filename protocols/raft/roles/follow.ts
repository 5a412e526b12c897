import type { RaftNode } from './node.ts';

/** Follows in `term`; its leader may not be known yet. Whoever led does so no more. */
export function becomeFollower(node: RaftNode, term: number, leader: string | null): void {
  if (term !== node.term) {
    node.term = term;
    node.vote = null;
    node.heard = null;
  }
  if (leader !== node.leader) node.outgoing.dropFetch();
  const reads = node.lead?.reads.confirm(Number.POSITIVE_INFINITY) ?? [];
  for (const read of reads) node.outgoing.answerRead(read.id, 0);
  node.lead = null;
  node.role = 'follower';
  node.leader = leader;
  node.votes = null;
  node.campaignAtMs = null;
  node.awaitLeader();
}

/** The leader of the term has spoken: it is there, and nobody else is to be elected. */
export function hearLeader(node: RaftNode, leader: string): void {
  if (node.role !== 'follower' || node.leader !== leader) becomeFollower(node, node.term, leader);
  node.heard = { leader, atMs: node.nowMs };
  node.campaignAtMs = null;
  node.resetElection();
}
