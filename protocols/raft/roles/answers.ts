import type { Progress } from '../quorum/progress.ts';
import { advanceCommit, answerReads } from './lead.ts';
import type { Message, RaftNode } from './node.ts';

/** A follower says how far it is. */
export function onAppendAnswer(node: RaftNode, message: Message<'append-answer'>): void {
  const progress = heard(node, message.from);
  if (progress === undefined) return;
  const acknowledged = message.acknowledged ?? 0;
  // Above what is known of it: about what it was before it was removed and added again.
  if (acknowledged > message.lastIndex && acknowledged <= progress.match) loseLog(node, progress);
  if (progress.hasLostLog) return;
  if (message.isRefused) {
    progress.refuse(node.log.agreeingIndex(message.index, message.hintTerm));
    return;
  }
  if (message.index > node.log.lastIndex) {
    node.ignoredCount++;
    return;
  }
  if (!progress.acknowledge(message.index)) return;
  advanceCommit(node);
  askTransferee(node);
}

/** A sign of life: it confirms reads, and what is unanswered by now may be lost. */
export function onHeartbeatAnswer(node: RaftNode, message: Message<'heartbeat-answer'>): void {
  const progress = heard(node, message.from);
  if (progress === undefined || node.lead === null) return;
  if (message.read <= node.lead.reads.newest && message.read > progress.confirmedRead) {
    progress.confirmedRead = message.read;
    answerReads(node);
  }
  if (progress.state === 'replicate') {
    progress.isStalled = progress.inflightCount > 0;
  } else if (
    progress.state === 'probe' ||
    node.nowMs - progress.snapshotMs >= node.timing.electionMs
  ) {
    progress.isPaused = false;
  }
}

/**
 * What was sent to it is lost. It is asked again after a sign of life, for else this would spin.
 */
export function onUnreachable(node: RaftNode, peer: string): void {
  const progress = node.lead?.progress.get(peer);
  if (progress === undefined) return;
  progress.becomeProbe();
  progress.isPaused = true;
}

/** It can be reached again. */
export function onReachable(node: RaftNode, peer: string): void {
  const progress = node.lead?.progress.get(peer);
  if (progress?.state === 'probe') progress.isPaused = false;
}

/** Hands over once the one to lead has the whole log. */
export function askTransferee(node: RaftNode): void {
  const transfer = node.lead?.transfer ?? null;
  if (transfer === null || transfer.isAsked) return;
  if (node.lead?.progress.get(transfer.to)?.match !== node.log.lastIndex) return;
  transfer.isAsked = true;
  node.sendNow(transfer.to, { type: 'timeout-now' });
}

function heard(node: RaftNode, peer: string): Progress | undefined {
  const progress = node.lead?.progress.get(peer);
  progress?.hear(node.nowMs);
  return progress;
}

function loseLog(node: RaftNode, progress: Progress): void {
  progress.hasLostLog = true;
  if (node.lead?.transfer?.to === progress.peer) node.lead.transfer = null;
}
