import { CooeeError } from '../../interface/index.ts';
import { INDEX_MAX, isSequence } from '../check-message.ts';
import { isConfiguration, isSingleChange } from '../configuration.ts';
import type { RaftEntry } from '../types.ts';
import { askTransferee } from './answers.ts';
import { advanceCommit, answerReads, trackConfiguration } from './lead.ts';
import type { RaftNode } from './node.ts';

/**
 * Appends, or drops all of them: without a lead, while leadership is handed over, or for a change
 * of the configuration that must wait.
 */
export function propose(node: RaftNode, entries: readonly RaftEntry[]): void {
  const { lead, log } = node;
  if (lead === null || lead.transfer !== null) {
    node.outgoing.dropProposal();
    return;
  }
  const last = log.lastIndex;
  const isNext =
    isSequence(entries, last, log.lastTerm) && entries.every(({ term }) => term === node.term);
  if (!isNext || last + entries.length > INDEX_MAX) {
    throw new CooeeError('ERR_RAFT_INPUT', `entries of term ${node.term} go on behind ${last}`);
  }
  const changes = entries.filter((entry) => entry.configuration !== undefined);
  if (!changes.every((entry) => canChange(node, entry)) || changes.length > 1) {
    node.outgoing.dropProposal();
    return;
  }
  for (const entry of entries) {
    log.append(entry.index, entry.term, entry.configuration);
    node.outgoing.writes.append(entry);
  }
  if (changes.length > 0) {
    trackConfiguration(node);
    // A smaller majority may have what is waiting, and may have confirmed.
    advanceCommit(node);
    answerReads(node);
  }
}

/**
 * One change at a time, by one voter, and not before this term has committed: else two leaders'
 * changes could each have a majority of their own (Ongaro 2015, the bug in single-server changes).
 */
function canChange(node: RaftNode, entry: RaftEntry): boolean {
  const { log, commit, term } = node;
  return (
    entry.configuration !== undefined &&
    isConfiguration(entry.configuration) &&
    log.configurationIndex <= commit &&
    log.termAt(commit) === term &&
    isSingleChange(log.configuration, entry.configuration)
  );
}

/** Confirms leadership for a read; refused until this term has committed (Ongaro 2014, 6.4). */
export function read(node: RaftNode, id: number): void {
  const { lead, log, commit, term } = node;
  if (!Number.isSafeInteger(id) || id < 1) {
    throw new CooeeError('ERR_RAFT_INPUT', 'the id of a read is a whole number from 1');
  }
  if (lead === null || log.termAt(commit) !== term) {
    node.outgoing.answerRead(id, 0);
    return;
  }
  if (id <= lead.reads.newest) throw new CooeeError('ERR_RAFT_INPUT', 'ids of reads rise');
  lead.reads.add(id, commit);
  answerReads(node);
}

/** Hands leadership to a voter; nothing happens when it is none, or this node does not lead. */
export function transfer(node: RaftNode, to: string): void {
  const { lead } = node;
  const progress = lead?.progress.get(to);
  if (!lead || !progress || progress.isLearner || progress.hasLostLog) return;
  if (lead.transfer?.to === to) return;
  lead.transfer = { to, untilMs: node.nowMs + node.timing.electionMs, isAsked: false };
  askTransferee(node);
}
