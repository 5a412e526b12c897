import {
  type ApplyContext,
  type AuthorRecord,
  LIMITS,
  type Outcome,
  refuse,
  type StateEvent,
  type StateWriter,
  type SubmissionRecord,
  submittedKey,
  versionKey,
} from '../interface/index.ts';
import { blocksOf, type CommitOrder, forgetName, idOfOrder } from './commit.ts';
import { linkTarget } from './links.ts';
import { isCurator } from './rules.ts';
import type { BlockRef } from './schema.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** The value of a committed `submission.commit`. */
export interface CommitValue {
  readonly id: string;
  /** Index of the entry that first brought this submission. */
  readonly index: number;
  /** False when it was there before. */
  readonly isNew: boolean;
  /** Blocks that it refers to; left out for none. */
  readonly blocks?: readonly BlockRef[];
}

/**
 * `submission.commit`: takes a member's submission into the register. The same content of the same
 * author again is the same submission: that is success, and changes nothing.
 */
export function reduceCommit(
  state: StateWriter,
  order: CommitOrder,
  context: ApplyContext,
): Outcome {
  const refused = refuseAuthor(state, context);
  if (refused !== undefined) return refused;
  const author = authorOf(context);
  const id = idOfOrder(context.crypto.sha256, author, order);
  forgetName(order);
  const known = state.get('submission', id);
  if (known !== undefined) return { ok: true, value: commitValue(id, known.index, false) };
  const full = attach(state, id, { order, context });
  if (full !== undefined) return full;
  // Links are looked at before it stands there itself: `#` at its own address is the version
  // before.
  const links = order.head.links.map(({ rel, address }) => ({
    rel,
    ...linkTarget(state, address),
  }));
  const unresolved = links.filter(({ isThere }) => !isThere).length;
  const { record, events } = enter(state, id, { order, author, context, unresolved });
  for (const { rel, id: target } of links) {
    if (rel !== 'supersedes' || target === undefined) continue;
    const event = supersede(state, target, { id, record, context });
    if (event !== undefined) events.push(event);
  }
  const blocks = blocksOf(order);
  const value = { ...commitValue(id, context.index, true), ...(blocks.length > 0 && { blocks }) };
  return { ok: true, value, events };
}

interface Entering {
  readonly order: CommitOrder;
  readonly author: AuthorRecord;
  readonly context: ApplyContext;
  readonly unresolved: number;
}

/** Gives a submission its place: in the log's order, and among the versions at its address. */
function enter(
  state: StateWriter,
  id: string,
  { order, author, context, unresolved }: Entering,
): { readonly record: SubmissionRecord; readonly events: StateEvent[] } {
  const { head, block, content } = order;
  const { kind, address, title, patch } = head;
  const { index, timeMs, commandMs: acceptedMs } = context;
  const before = state.get('addressed', address);
  const version = (before?.versions ?? 0) + 1;
  const n = (state.get('cursor', 'submissions') ?? 0) + 1;
  const named = { kind, address, title, author };
  const record: SubmissionRecord = {
    ...{ ...named, index, timeMs, acceptedMs, version },
    ...(block === undefined ? {} : { block }),
    ...(patch === undefined ? {} : { patch }),
    ...(unresolved === 0 ? {} : { unresolved }),
  };
  state.put('submission', id, record);
  if (content !== undefined) state.put('content', id, content);
  // Most addresses have one version: a row of its own comes with the next.
  if (before !== undefined) state.put('version', versionKey(address, before.versions), before.id);
  state.put('addressed', address, { versions: version, id });
  state.put('submitted', submittedKey(n), id);
  state.put('cursor', 'submissions', n);
  const data = { id, ...named, version, ...(unresolved === 0 ? {} : { unresolved }) };
  return { record, events: [{ type: 'submission:commit', address, data }] };
}

/**
 * Marks what a submission takes the place of: one by the same author, or any when a curator's node
 * itself handed the later one in. A mark is for good; another's stays without it.
 */
function supersede(
  state: StateWriter,
  target: string,
  by: { readonly id: string; readonly record: SubmissionRecord; readonly context: ApplyContext },
): StateEvent | undefined {
  const old = state.get('submission', target);
  if (old === undefined || old.superseded !== undefined || target === by.id) return undefined;
  const { index, timeMs } = by.context;
  if (!isSame(old.author, by.record.author) && !isCurator(state, by.context)) return undefined;
  state.put('submission', target, { ...old, superseded: { id: by.id, index, timeMs } });
  const { kind, address, title } = old;
  const data = { id: target, kind, address, title, by: by.id };
  return { type: 'submission:supersede', address, data };
}

/**
 * Notes the blocks that a submission refers to and nobody did before, against what its member may
 * bring in a day.
 */
function attach(
  state: StateWriter,
  id: string,
  { order, context }: Pick<Entering, 'order' | 'context'>,
): Outcome | undefined {
  const fresh = blocksOf(order).filter(({ cid }) => state.get('attached', cid) === undefined);
  if (fresh.length === 0) return undefined;
  const { origin, timeMs } = context;
  const bytes = fresh.reduce((sum, block) => sum + block.bytes, 0);
  const last = state.get('blockuse', origin);
  const today = last !== undefined && timeMs < last.sinceMs + DAY_MS ? last : undefined;
  const used = (today?.bytes ?? 0) + bytes;
  const bytesMax = LIMITS.submissionBlockBytesPerDayMax;
  if (used > bytesMax) {
    const untilMs = (today?.sinceMs ?? timeMs) + DAY_MS;
    return refuse('ERR_SUBMISSION_QUOTA', undefined, { bytes: used, bytesMax, untilMs });
  }
  state.put('blockuse', origin, { sinceMs: today?.sinceMs ?? timeMs, bytes: used });
  for (const block of fresh) state.put('attached', block.cid, { id, bytes: block.bytes });
  return undefined;
}

function commitValue(id: string, index: number, isNew: boolean): CommitValue {
  return { id, index, isNew };
}

/** Who a command's submission is by: a human at a node submits as that node. */
function authorOf({ actor, origin }: ApplyContext): AuthorRecord {
  return actor.agent === undefined ? { peer: origin } : { peer: origin, agent: actor.agent };
}

function isSame(a: AuthorRecord, b: AuthorRecord): boolean {
  return a.peer === b.peer && a.agent === b.agent;
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
