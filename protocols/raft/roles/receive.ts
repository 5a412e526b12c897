import { CooeeError } from '../../interface/index.ts';
import { isIndex } from '../check-message.ts';
import { isConfiguration } from '../configuration.ts';
import type { RaftEntry, RaftInput } from '../types.ts';
import { becomeFollower } from './follow.ts';
import type { Message, RaftNode } from './node.ts';

/** Entries of the leader: appended where the logs agree, refused with a hint where they do not. */
export function onAppend(
  node: RaftNode,
  message: Message<'append'>,
  entries: readonly RaftEntry[],
): void {
  const { log, outgoing } = node;
  const { from, prevIndex, prevTerm, count, commit, acknowledged = 0 } = message;
  if (acknowledged > log.lastIndex) {
    loseLog(node, from, acknowledged);
    return;
  }
  if (!node.canVote) return;
  const isAgreed = prevIndex < log.baseIndex || log.termAt(prevIndex) === prevTerm;
  if (!isAgreed) {
    refuse(node, message);
    return;
  }
  const known = countKnown(node, entries);
  const first = entries[known];
  if (first !== undefined && first.index <= log.lastIndex) {
    if (first.index <= node.commit) {
      ignore(node);
      return;
    }
    log.truncateFrom(first.index);
    outgoing.writes.truncateFrom(first.index);
  }
  for (let at = known; at < count; at++) {
    const entry = entries[at];
    if (entry === undefined) continue;
    log.append(entry.index, entry.term, entry.configuration);
    outgoing.writes.append(entry);
  }
  node.commitTo(Math.min(commit, prevIndex + count));
  answer(node, from, prevIndex + count);
}

/** How many of the entries stand in the log already. */
function countKnown({ log }: RaftNode, entries: readonly RaftEntry[]): number {
  let count = 0;
  for (const { index, term } of entries) {
    if (index > log.lastIndex) break;
    if (index > log.baseIndex && log.termAt(index) !== term) break;
    count++;
  }
  return count;
}

/** The logs do not agree at `prevIndex`: says where they may (section 5.3, by whole terms). */
function refuse(node: RaftNode, { from, prevIndex, prevTerm }: Message<'append'>): void {
  const { log } = node;
  // No leader lacks what is committed: it is not one.
  if (prevIndex <= node.commit) {
    ignore(node);
    return;
  }
  const index = log.agreeingIndex(prevIndex, prevTerm);
  const hintTerm = log.termAt(index) ?? 0;
  const { lastIndex } = log;
  node.sendAfter(from, { type: 'append-answer', index, isRefused: true, hintTerm, lastIndex });
}

function answer(node: RaftNode, to: string, agreed: number): void {
  const { lastIndex } = node.log;
  // What is committed stands in every leader's log.
  const index = Math.max(agreed, node.commit);
  node.sendAfter(to, { type: 'append-answer', index, isRefused: false, hintTerm: 0, lastIndex });
}

/**
 * The leader counts on more than is here. Voting or acknowledging could undo what others were
 * promised: this node does neither any more, and says why.
 */
function loseLog(node: RaftNode, to: string, acknowledged: number): void {
  node.canVote = false;
  const { lastIndex } = node.log;
  const lost = { index: 0, isRefused: true, hintTerm: 0, lastIndex, acknowledged };
  node.sendAfter(to, { type: 'append-answer', ...lost });
}

/** The leader is there, and says what is committed of that which this node has. */
export function onHeartbeat(node: RaftNode, message: Message<'heartbeat'>): void {
  if (message.commit > node.log.lastIndex) {
    loseLog(node, message.from, message.commit);
    return;
  }
  if (!node.canVote) return;
  node.commitTo(message.commit);
  node.sendNow(message.from, { type: 'heartbeat-answer', read: message.read });
}

/** What this node needs is compacted at the leader: the driver fetches the state. */
export function onSnapshot(node: RaftNode, message: Message<'snapshot'>): void {
  if (!node.canVote) return;
  const { from, index, indexTerm } = message;
  if (index <= node.commit || node.log.termAt(index) === indexTerm) {
    node.commitTo(index);
    answer(node, from, index);
    return;
  }
  // The leader asks again while it waits: the driver knows whether it is at it already.
  node.outgoing.fetchSnapshot(from, index);
}

/** The state is here. A log that holds its last entry goes on; any other begins anew behind it. */
export function onSnapshotInstalled(
  node: RaftNode,
  input: Extract<RaftInput, { type: 'snapshot-installed' }>,
): void {
  const { index, term, configuration } = input;
  if (!isIndex(index) || !isIndex(term) || index === 0 || !isConfiguration(configuration)) {
    throw new CooeeError('ERR_RAFT_INPUT', 'not a snapshot');
  }
  if (node.role === 'leader') throw new CooeeError('ERR_RAFT_INPUT', 'a leader fetches no state');
  node.outgoing.dropFetch();
  if (index > node.commit) {
    // Candidates asked with a log and voters that may be gone.
    if (node.role !== 'follower') becomeFollower(node, node.term, null);
    if (term > node.term) becomeFollower(node, term, null);
    const isTailKept = node.log.termAt(index) === term;
    node.outgoing.writes.restore(index, isTailKept);
    if (isTailKept) node.log.compactTo(index);
    else node.log.restore(index, term, configuration);
    node.commitTo(index);
  } else if (index > node.log.baseIndex) {
    // Its entries came and were committed while the state was fetched: the log on the disk begins
    // behind it all the same.
    node.outgoing.writes.restore(index, true);
    node.log.compactTo(index);
  }
  if (node.leader !== null && node.canVote) answer(node, node.leader, node.commit);
}

/** The log was compacted. */
export function onCompacted(node: RaftNode, index: number): void {
  if (!isIndex(index) || index > node.commit) {
    throw new CooeeError('ERR_RAFT_INPUT', 'only what is committed is compacted');
  }
  if (index > node.log.baseIndex) node.log.compactTo(index);
}

function ignore(node: RaftNode): void {
  node.ignoredCount++;
}
