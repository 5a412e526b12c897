import type { z } from 'zod';
import {
  type ApplyContext,
  type AuthorRecord,
  type Outcome,
  refuse,
  type StateEvent,
  type StateReader,
  type StateWriter,
  type SubmissionRecord,
  submittedKey,
  versionKey,
} from '../interface/index.ts';
import { type commitBody, submissionId } from './codec.ts';

/** The value of a committed `submission.commit`. */
export interface CommitValue {
  readonly id: string;
  /** Index of the entry that first brought this submission. */
  readonly index: number;
  /** False when it was there before. */
  readonly isNew: boolean;
}

/**
 * `submission.commit`: takes a member's submission into the register. The same content of the same
 * author again is the same submission: that is success, and changes nothing.
 */
export function reduceCommit(
  state: StateWriter,
  { content, submission }: z.output<typeof commitBody>,
  context: ApplyContext,
): Outcome {
  const refused = refuseAuthor(state, context);
  if (refused !== undefined) return refused;
  const author = authorOf(context);
  const id = submissionId(context.crypto.sha256, author, content);
  const known = state.get('submission', id);
  if (known !== undefined) return { ok: true, value: commitValue(id, known.index, false) };
  const { kind, address, title } = submission;
  const { index, timeMs, commandMs: acceptedMs } = context;
  const before = state.get('addressed', address);
  const version = (before?.versions ?? 0) + 1;
  const n = (state.get('cursor', 'submissions') ?? 0) + 1;
  const named = { kind, address, title, author };
  const record: SubmissionRecord = { ...named, index, timeMs, acceptedMs, version };
  state.put('submission', id, record);
  state.put('content', id, content);
  // Most addresses have one version: a row of its own comes with the next.
  if (before !== undefined) state.put('version', versionKey(address, before.versions), before.id);
  state.put('addressed', address, { versions: version, id });
  state.put('submitted', submittedKey(n), id);
  state.put('cursor', 'submissions', n);
  const event: StateEvent = { type: 'submission:commit', address, data: { id, ...named, version } };
  return { ok: true, value: commitValue(id, index, true), events: [event] };
}

/** The content id of the n-th version at an address, from 1; undefined when there is none. */
export function versionAt(state: StateReader, address: string, n: number): string | undefined {
  const there = state.get('addressed', address);
  if (there === undefined || n > there.versions) return undefined;
  return n === there.versions ? there.id : state.get('version', versionKey(address, n));
}

function commitValue(id: string, index: number, isNew: boolean): CommitValue {
  return { id, index, isNew };
}

/** Who a command's submission is by: a human at a node submits as that node. */
function authorOf({ actor, origin }: ApplyContext): AuthorRecord {
  return actor.agent === undefined ? { peer: origin } : { peer: origin, agent: actor.agent };
}

function refuseAuthor(state: StateWriter, { actor, origin }: ApplyContext): Outcome | undefined {
  const member = state.get('member', origin);
  if (member === undefined) return refuse('ERR_MEMBERSHIP_NOT_MEMBER');
  if (member.removedIndex !== null) return refuse('ERR_MEMBERSHIP_REMOVED');
  if (actor.agent === undefined) return undefined;
  const agent = state.get('agent', actor.agent);
  const isOwn = agent !== undefined && agent.peer === origin && agent.retiredIndex === null;
  return isOwn ? undefined : refuse('ERR_MEMBERSHIP_FORBIDDEN', 'the agent is not of this node');
}
