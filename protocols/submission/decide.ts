import { z } from 'zod';
import {
  type ApplyContext,
  type DecisionRecord,
  type Outcome,
  refuse,
  type StateWriter,
  versionKey,
} from '../interface/index.ts';
import { cidText } from '../wire/index.ts';
import { isCurator } from './rules.ts';
import { decisionFields } from './schema.ts';

/** Body of `submission.decide`. */
export const decideBody = z.strictObject({
  id: cidText,
  ...decisionFields,
  /** Version of the decision that this one is to take the place of. */
  replaces: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
});

/** The value of a committed `submission.decide`. */
export interface DecideValue {
  readonly decision: DecisionRecord;
  /** False when it was decided just so before. */
  readonly isNew: boolean;
}

/**
 * `submission.decide`: a curator's word on a submission. The first one stands: the same again
 * changes nothing, another is refused with who decided, unless it names the one that it replaces.
 */
export function reduceDecide(
  state: StateWriter,
  { id, as, why, replaces }: z.output<typeof decideBody>,
  context: ApplyContext,
): Outcome {
  const refused = refuseCurator(state, context);
  if (refused !== undefined) return refused;
  const record = state.get('submission', id);
  if (record === undefined) return refuse('ERR_SUBMISSION_UNKNOWN');
  const before = record.decision;
  if (before !== undefined && before.as === as && before.why === why) {
    return { ok: true, value: { decision: before, isNew: false } satisfies DecideValue };
  }
  if (before?.version !== replaces) return refuse('ERR_SUBMISSION_DECIDED', ...saying(before));
  const { index, timeMs, actor, origin } = context;
  const decision: DecisionRecord = {
    ...{ version: (before?.version ?? 0) + 1, as, why, index, timeMs },
    by: actor.human === undefined ? { peer: origin } : { peer: origin, human: actor.human },
  };
  state.put('submission', id, { ...record, decision });
  state.put('decision', versionKey(id, decision.version), decision);
  const { kind, address, title, author } = record;
  const data = { id, kind, address, title, author, decision: { ...decision } };
  return {
    ok: true,
    value: { decision, isNew: true } satisfies DecideValue,
    events: [{ type: 'submission:decide', address, data }],
  };
}

function refuseCurator(state: StateWriter, context: ApplyContext): Outcome | undefined {
  const member = state.get('member', context.origin);
  if (member === undefined) return refuse('ERR_MEMBERSHIP_NOT_MEMBER');
  if (member.removedIndex !== null) return refuse('ERR_MEMBERSHIP_REMOVED');
  if (isCurator(state, context)) return undefined;
  return refuse('ERR_MEMBERSHIP_FORBIDDEN', 'only a curator decides, and no agent');
}

/** Message and details of a refusal: how it stands, and by whom. */
function saying(before: DecisionRecord | undefined): [string, Record<string, string | number>] {
  if (before === undefined) return ['there is no decision to replace', {}];
  const { as, by, index, version } = before;
  const who = by.human ?? by.peer;
  return [
    `it was decided before: ${as}, by ${who}`,
    { as, peer: by.peer, ...(by.human === undefined ? {} : { human: by.human }), index, version },
  ];
}
