import {
  type DecisionRecord,
  type StateReader,
  type SubmissionRecord,
  versionKey,
} from '../../../protocols/interface/index.ts';
import { linkTarget, type Submission } from '../../../protocols/submission/index.ts';
import type { SubmissionRow, SubmissionView } from '../../api/routes/index.ts';
import type { RefusedSubmission } from '../../submissions/refusals.ts';

/** Decisions that one view shows. */
const DECISIONS_MAX = 16;

type DecisionView = NonNullable<SubmissionRow['decision']>;

/** A committed submission as callers see it. */
export function committedView(id: string, record: SubmissionRecord): SubmissionRow {
  const { kind, address, title, author, index, version, unresolved, decision } = record;
  return {
    ...{ id, kind, address, title, author },
    state: decision === undefined ? 'committed' : 'decided',
    acceptedAt: isoTime(record.acceptedMs),
    committedAt: isoTime(record.timeMs),
    index,
    version,
    ...(unresolved === undefined ? {} : { unresolved }),
    ...(decision === undefined ? {} : { decision: decisionView(decision) }),
    ...(record.superseded === undefined ? {} : { supersededBy: record.superseded.id }),
  };
}

/** A refused submission as callers see it. */
export function refusedView(refused: RefusedSubmission): SubmissionRow {
  const { id, kind, address, title, author, code, message, index } = refused;
  return {
    ...{ id, kind, address, title, author, state: 'refused' as const },
    acceptedAt: isoTime(refused.acceptedMs),
    refusal: {
      ...{ code, message, at: isoTime(refused.refusedMs) },
      ...(index === undefined ? {} : { index }),
    },
  };
}

/** A curator's word as callers see it. */
export function decisionView(decision: DecisionRecord): DecisionView {
  const { as, why, by, index, version, timeMs } = decision;
  return { as, why, by: { ...by }, index, version, at: isoTime(timeMs) };
}

/** The links of a submission and what they lead to now. */
export function linkViews(state: StateReader, { links }: Submission): SubmissionView['links'] {
  return links.map(({ rel, address }) => {
    const { isThere, id } = linkTarget(state, address);
    const there = isThere ? ('resolved' as const) : ('unresolved' as const);
    return { rel, address, state: there, ...(id === undefined ? {} : { id }) };
  });
}

/** The last decisions on a submission, the newest first. */
export function decisionViews(
  state: StateReader,
  id: string,
  last: DecisionRecord,
): DecisionView[] {
  const views: DecisionView[] = [];
  for (let n = last.version; n > 0 && views.length < DECISIONS_MAX; n--) {
    const decision = state.get('decision', versionKey(id, n));
    if (decision !== undefined) views.push(decisionView(decision));
  }
  return views;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
