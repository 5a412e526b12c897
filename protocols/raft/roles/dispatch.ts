import { isWellFormed, TERM_LEAP_MAX } from '../check-message.ts';
import { isMember } from '../configuration.ts';
import type { RaftEntry, RaftMessage } from '../types.ts';
import { onAppendAnswer, onHeartbeatAnswer } from './answers.ts';
import { onPreVoteAnswer, onTimeoutNow, onVoteAnswer, onVoteRequest } from './election.ts';
import { becomeFollower, hearLeader } from './follow.ts';
import type { Message, RaftNode } from './node.ts';
import { onAppend, onHeartbeat, onSnapshot } from './receive.ts';

const NO_ENTRIES: readonly RaftEntry[] = [];

/** A message of a peer. What no correct peer sends is counted and changes nothing. */
export function onMessage(
  node: RaftNode,
  message: RaftMessage,
  entries: readonly RaftEntry[] = NO_ENTRIES,
): void {
  const isLeap = message.term > node.term + TERM_LEAP_MAX;
  if (isLeap || !isWellFormed(node.self, message, entries)) {
    node.ignoredCount++;
    return;
  }
  // Whoever speaks is there.
  node.lost.delete(message.from);
  switch (message.type) {
    case 'pre-vote':
    case 'vote':
      onVoteRequest(node, message);
      break;
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      onLeaderMessage(node, message, entries);
      break;
    default:
      onAnswer(node, message);
  }
}

/** From the leader of its term, known to us or not: our configuration may be the older one. */
function onLeaderMessage(
  node: RaftNode,
  message: Message<'append' | 'heartbeat' | 'snapshot'>,
  entries: readonly RaftEntry[],
): void {
  const { from, term } = message;
  if (term < node.term) {
    // So that a leader that was deposed meanwhile learns of it. Harmless when it leads again.
    if (node.canVote) node.sendNow(from, { type: 'heartbeat-answer', read: 0 });
    return;
  }
  if (term > node.term) becomeFollower(node, term, from);
  if (node.role === 'leader' || (node.leader !== null && node.leader !== from)) {
    // A second leader in one term cannot be.
    node.ignoredCount++;
    return;
  }
  hearLeader(node, from);
  if (message.type === 'append') onAppend(node, message, entries);
  else if (message.type === 'heartbeat') onHeartbeat(node, message);
  else onSnapshot(node, message);
}

type Answer = Exclude<
  RaftMessage,
  Message<'append' | 'heartbeat' | 'snapshot' | 'pre-vote' | 'vote'>
>;

/** An answer counts only from those who were asked: the members of our configuration. */
function onAnswer(node: RaftNode, message: Answer): void {
  if (message.type !== 'timeout-now' && !isMember(node.log.configuration, message.from)) return;
  if (message.type === 'pre-vote-answer') {
    onPreVoteAnswer(node, message);
    return;
  }
  if (message.term > node.term) becomeFollower(node, message.term, null);
  if (message.term < node.term) return;
  switch (message.type) {
    case 'vote-answer':
      onVoteAnswer(node, message);
      break;
    case 'append-answer':
      onAppendAnswer(node, message);
      break;
    case 'heartbeat-answer':
      onHeartbeatAnswer(node, message);
      break;
    case 'timeout-now':
      onTimeoutNow(node, message);
  }
}
