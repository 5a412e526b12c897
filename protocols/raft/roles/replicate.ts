import { CooeeError } from '../../interface/index.ts';
import type { Progress } from '../quorum/progress.ts';
import type { RaftNode } from './node.ts';

/**
 * Makes what the followers are to be sent. Called once for a `Ready`, so that all that was proposed
 * and committed since the last one goes out as one append, and names a range of the log as it is.
 */
export function flush(node: RaftNode): void {
  if (node.lead === null) return;
  if (node.lead.reads.isUnasked) heartbeats(node);
  for (const progress of node.lead.progress.values()) {
    for (let next = wanted(node, progress); next !== null; next = wanted(node, progress)) {
      if (next === 'snapshot') sendSnapshot(node, progress);
      else sendAppend(node, progress, next === 'empty');
    }
  }
}

/** Whether {@link flush} would make anything. */
export function canFlush(node: RaftNode): boolean {
  if (node.lead === null) return false;
  if (node.lead.reads.isUnasked && node.lead.progress.size > 0) return true;
  for (const progress of node.lead.progress.values()) {
    if (wanted(node, progress) !== null) return true;
  }
  return false;
}

function wanted(node: RaftNode, progress: Progress): 'append' | 'empty' | 'snapshot' | null {
  const { log, commit, timing } = node;
  if (progress.hasLostLog) return null;
  const isCompacted = progress.next - 1 < log.baseIndex;
  if (progress.state !== 'replicate') {
    if (progress.isPaused) return null;
    return isCompacted || progress.state === 'snapshot' ? 'snapshot' : 'append';
  }
  if (isCompacted) return 'snapshot';
  const isOpen = progress.inflightCount < timing.inflightMax;
  if (progress.next <= log.lastIndex && isOpen) return 'append';
  // An idle leader tells a new commit index at once; a window in flight brings it along anyway.
  const isCommitNews = commit > progress.sentCommit && progress.next - 1 > progress.sentCommit;
  return progress.isStalled || (isCommitNews && isOpen) ? 'empty' : null;
}

function sendAppend(node: RaftNode, progress: Progress, isEmpty: boolean): void {
  const { log, commit, timing } = node;
  const prevIndex = progress.next - 1;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === undefined) {
    throw new CooeeError('ERR_RAFT_INVARIANT', `no term at ${prevIndex} for ${progress.peer}`);
  }
  const count = isEmpty ? 0 : Math.min(timing.appendEntriesMax, log.lastIndex - prevIndex);
  const acknowledged = progress.match;
  node.sendNow(progress.peer, { type: 'append', prevIndex, prevTerm, count, commit, acknowledged });
  progress.sent(prevIndex + count, commit, count === 0);
}

function sendSnapshot(node: RaftNode, progress: Progress): void {
  const { baseIndex, baseTerm } = node.log;
  progress.becomeSnapshot(baseIndex, node.nowMs);
  node.sendNow(progress.peer, { type: 'snapshot', index: baseIndex, indexTerm: baseTerm });
}

/** The leader is there. Names the newest read that waits, so that answers confirm it. */
export function heartbeats(node: RaftNode): void {
  if (node.lead === null) return;
  const read = node.lead.reads.waiting;
  for (const progress of node.lead.progress.values()) {
    // Never more than the follower is known to have: its log may end in another leader's entries.
    const commit = Math.min(progress.match, node.commit);
    node.sendNow(progress.peer, { type: 'heartbeat', commit, read });
  }
  node.lead.reads.asked();
}
