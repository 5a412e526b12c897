import { Progress } from '../quorum/progress.ts';
import { majorityOf, quorumValue } from '../quorum/quorum.ts';
import { becomeFollower } from './follow.ts';
import { Leadership, type RaftNode } from './node.ts';
import { heartbeats } from './replicate.ts';

/** Leads the term from here on. What it appends first is the driver's to propose. */
export function becomeLeader(node: RaftNode): void {
  node.role = 'leader';
  node.leader = node.self;
  node.votes = null;
  node.campaignAtMs = null;
  node.lead = new Leadership(node.nowMs + node.timing.heartbeatMs);
  trackConfiguration(node);
}

/** Follows everyone of the newest configuration: effective as soon as it is appended. */
export function trackConfiguration(node: RaftNode): void {
  const { lead, log } = node;
  if (lead === null) return;
  const { voters, learners } = log.configuration;
  const progress = new Map<string, Progress>();
  for (const peer of [...voters, ...learners]) {
    if (peer === node.self) continue;
    const isLearner = !voters.includes(peer);
    const init = { peer, isLearner, nextIndex: log.lastIndex + 1, nowMs: node.nowMs };
    const known = lead.progress.get(peer);
    // Who lost its vote may have lost its log with it: what it acknowledged before counts no more.
    const isDemoted = isLearner && known?.isLearner === false;
    const one = known === undefined || isDemoted ? new Progress(init) : known;
    one.isLearner = isLearner;
    progress.set(peer, one);
  }
  lead.progress = progress;
  if (lead.transfer !== null && !voters.includes(lead.transfer.to)) lead.transfer = null;
}

/** Commits what a majority of the voters has on its disks, and acts on it. */
export function advanceCommit(node: RaftNode): void {
  const { lead, log } = node;
  if (lead === null) return;
  const { voters } = log.configuration;
  const index = quorumValue(voters, (voter) => {
    if (voter === node.self) return node.outgoing.writes.durableIndex;
    const progress = lead.progress.get(voter);
    return progress === undefined || progress.hasLostLog ? 0 : progress.match;
  });
  // Only an entry of its own term is committed by counting; older ones with it (section 5.4.2).
  if (index <= node.commit || log.termAt(index) !== node.term) return;
  node.commitTo(index);
  const isRemoved = !voters.includes(node.self) && log.configurationIndex <= node.commit;
  if (isRemoved) handOver(node);
}

/** The entry that takes away this leader's vote is committed: it led up to here, and goes. */
function handOver(node: RaftNode): void {
  // No appends: a range that waits for its Ready could be cut by the next leader before that.
  heartbeats(node);
  let best: Progress | undefined;
  for (const progress of node.lead?.progress.values() ?? []) {
    if (progress.isLearner || progress.hasLostLog) continue;
    if (best === undefined || progress.match > best.match) best = progress;
  }
  if (best !== undefined) node.sendNow(best.peer, { type: 'timeout-now' });
  becomeFollower(node, node.term, null);
}

/** Answers the reads that a majority has confirmed. */
export function answerReads(node: RaftNode): void {
  const { lead } = node;
  if (lead === null || lead.reads.waiting === 0) return;
  const { reads, progress } = lead;
  const confirmed = quorumValue(node.log.configuration.voters, (voter) => {
    if (voter === node.self) return reads.newest;
    const one = progress.get(voter);
    return one === undefined || one.hasLostLog ? 0 : one.confirmedRead;
  });
  for (const { id, index } of reads.confirm(confirmed)) node.outgoing.answerRead(id, index);
}

/** Time has passed. `isLate`: what came meanwhile is not read yet, so nobody's silence counts. */
export function tickLeader(node: RaftNode, isLate: boolean): void {
  const { lead, nowMs } = node;
  if (lead === null) return;
  if (!isLate && !hearsQuorum(node, lead)) {
    becomeFollower(node, node.term, null);
    return;
  }
  if (lead.transfer !== null && nowMs >= lead.transfer.untilMs) lead.transfer = null;
  if (nowMs >= lead.heartbeatAtMs) {
    lead.heartbeatAtMs = nowMs + node.timing.heartbeatMs;
    heartbeats(node);
  }
}

/** Check-quorum (Ongaro 2014, section 6.2). */
function hearsQuorum(node: RaftNode, lead: Leadership): boolean {
  const { voters } = node.log.configuration;
  const sinceMs = node.nowMs - node.timing.electionMs;
  let count = 0;
  for (const voter of voters) {
    const one = lead.progress.get(voter);
    const isHeard = one !== undefined && !one.hasLostLog && one.heardMs >= sinceMs;
    if (voter === node.self || isHeard) count++;
  }
  return count >= majorityOf(voters.length);
}
