import { INDEX_MAX } from '../check-message.ts';
import { Votes } from '../quorum/votes.ts';
import { becomeFollower } from './follow.ts';
import { becomeLeader } from './lead.ts';
import type { Message, RaftNode } from './node.ts';

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Whether a leader is there as far as this node can tell, so that nobody is to be elected (Ongaro
 * 2014, section 4.2.3). One whose last connection is lost is not there.
 */
function hasLeader(node: RaftNode): boolean {
  if (node.role === 'leader') return true;
  const { heard } = node;
  if (heard === null || node.lost.has(heard.leader)) return false;
  return node.nowMs - heard.atMs < node.timing.electionMs;
}

/** Asks whether it would be elected. Nobody's term changes (Ongaro 2014, section 9.6). */
export function campaign(node: RaftNode): void {
  if (!node.isCandidateAble || node.role === 'leader' || node.term >= INDEX_MAX) return;
  node.role = 'pre-candidate';
  node.leader = null;
  startVotes(node);
  node.votes?.record(node.self, true);
  ask(node, 'pre-vote', false);
  tally(node);
}

/** Stands for election in the next term. */
function stand(node: RaftNode, isTransfer: boolean): void {
  if (!node.isCandidateAble || node.term >= INDEX_MAX) return;
  node.role = 'candidate';
  node.leader = null;
  node.heard = null;
  node.term += 1;
  node.vote = node.self;
  startVotes(node);
  ask(node, 'vote', isTransfer);
}

function startVotes(node: RaftNode): void {
  node.votes = new Votes(node.log.configuration.voters);
  node.campaignAtMs = null;
  node.resetElection();
}

function ask(node: RaftNode, type: 'pre-vote' | 'vote', isTransfer: boolean): void {
  const { lastIndex, lastTerm } = node.log;
  const body = { type, lastIndex, lastTerm, isTransfer };
  for (const voter of node.log.configuration.voters) {
    if (voter === node.self) continue;
    // A vote says that this node stands in the term, with this log: it would stand in the same term
    // again, with less of a log, had it forgotten both.
    if (type === 'vote') node.sendAfter(voter, body);
    else node.sendNow(voter, body, node.term + 1);
  }
}

/** The candidate's own vote counts once it is on the disk, as everyone's does. */
export function countOwnVote(node: RaftNode): void {
  if (node.role !== 'candidate' || !node.outgoing.hasVoted(node.term, node.self)) return;
  node.votes?.record(node.self, true);
  tally(node);
}

function tally(node: RaftNode): void {
  // A pre-vote may wait for whoever comes back; a candidate stands in everyone's way.
  const gone = node.role === 'candidate' ? node.lost : NOBODY;
  const result = node.votes?.result(gone) ?? 'open';
  if (result === 'won') {
    if (node.role === 'pre-candidate') stand(node, false);
    else becomeLeader(node);
  } else if (result === 'lost') {
    const wasCandidate = node.role === 'candidate';
    becomeFollower(node, node.term, null);
    // A split vote among those who are left: no reason to wait for an election timeout again.
    if (wasCandidate) node.campaignSoon(1);
  }
}

/**
 * A request for a vote, from anyone: the asker's configuration may be newer than ours (Ongaro 2014,
 * section 4.1). For the same reason a learner answers: it may be a voter and not know yet.
 */
export function onVoteRequest(node: RaftNode, message: Message<'pre-vote' | 'vote'>): void {
  if (!node.canVote) return;
  const isPre = message.type === 'pre-vote';
  if (message.term > node.term) {
    if (!message.isTransfer && hasLeader(node)) {
      // A candidate of a higher term gets no answer: ours would be of a lower one.
      if (isPre) node.sendNow(message.from, { type: 'pre-vote-answer', isGranted: false });
      return;
    }
    if (!isPre) becomeFollower(node, message.term, null);
  }
  const isFree = node.vote === message.from || (node.vote === null && node.leader === null);
  const isGranted =
    message.term >= node.term &&
    (isFree || (isPre && message.term > node.term)) &&
    node.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (isPre) answerPreVote(node, message, isGranted);
  else answerVote(node, message.from, isGranted);
}

function answerPreVote(
  node: RaftNode,
  message: Message<'pre-vote' | 'vote'>,
  isGranted: boolean,
): void {
  const term = isGranted ? message.term : node.term;
  node.sendNow(message.from, { type: 'pre-vote-answer', isGranted }, term);
  // Let it try first: two at once would split the votes.
  if (isGranted && node.campaignAtMs !== null) {
    const { connectionLostSpreadMs } = node.timing;
    node.campaignAtMs = Math.max(node.campaignAtMs, node.nowMs + connectionLostSpreadMs);
  }
}

function answerVote(node: RaftNode, candidate: string, isGranted: boolean): void {
  if (isGranted) {
    node.vote = candidate;
    node.campaignAtMs = null;
    node.resetElection();
  }
  node.sendAfter(candidate, { type: 'vote-answer', isGranted });
}

/** An answer to a pre-vote: granted in the next term, refused in the answerer's own. */
export function onPreVoteAnswer(
  node: RaftNode,
  message: Message<'pre-vote-answer' | 'vote-answer'>,
): void {
  const { from, term, isGranted } = message;
  if (!isGranted && term > node.term) {
    becomeFollower(node, term, null);
    return;
  }
  if (node.role !== 'pre-candidate' || (isGranted && term !== node.term + 1)) return;
  node.votes?.record(from, isGranted);
  tally(node);
}

/** An answer to a vote, in this node's term. */
export function onVoteAnswer(
  node: RaftNode,
  message: Message<'pre-vote-answer' | 'vote-answer'>,
): void {
  if (node.role !== 'candidate') return;
  node.votes?.record(message.from, message.isGranted);
  tally(node);
}

/** The leader hands over: no pre-vote, for it asks for this. */
export function onTimeoutNow(node: RaftNode, message: Message<'timeout-now'>): void {
  if (node.role === 'follower' && node.leader === message.from) stand(node, true);
}

/** A connection came or went. */
export function onConnection(node: RaftNode, peer: string, isLost: boolean): void {
  if (!isLost) {
    node.lost.delete(peer);
    if (node.heard?.leader === peer) node.campaignAtMs = null;
    return;
  }
  if (peer !== node.self && isKnown(node, peer)) node.lost.add(peer);
  const isFollowing = node.role === 'follower' || node.role === 'pre-candidate';
  if (isFollowing && node.heard?.leader === peer && node.isCandidateAble) node.campaignSoon(0);
  // A campaign may have waited for just this voter.
  if (node.votes !== null) tally(node);
}

function isKnown(node: RaftNode, peer: string): boolean {
  return node.heard?.leader === peer || node.log.configuration.voters.includes(peer);
}

/** Judges the silence of the leader. */
export function checkSilence(node: RaftNode): void {
  if (node.nowMs < node.electionAtMs) return;
  if (node.isCandidateAble) {
    campaign(node);
  } else {
    node.leader = null;
    node.resetElection();
  }
}
