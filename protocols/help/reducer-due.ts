import type { z } from 'zod';
import {
  type ApplyContext,
  type CallAnswerRecord,
  type Outcome,
  refuse,
  type StateWriter,
} from '../interface/index.ts';
import { changeCall } from './reducer-change.ts';
import {
  type ActiveCall,
  activeOr,
  DENIED,
  memberProblem,
  policyDueMs,
  policyKind,
  raised,
} from './rules.ts';
import type { callBody } from './schema.ts';

/**
 * `call.expire`: the deadline has passed by the time of this entry, so the policy of the call
 * answers it or lets it expire. Any member may say so (the leader does); the log's time alone
 * decides whether it is true.
 */
export function reduceExpire(
  state: StateWriter,
  { id }: z.output<typeof callBody>,
  context: ApplyContext,
): Outcome {
  const found = dueCall(state, id, { ...context, kind: 'call.expire' });
  if ('refused' in found) return found.refused;
  const { claim: _, ...call } = found.call;
  const text = call.onTimeout === 'default' ? call.default : DENIED;
  if (call.onTimeout === 'escalate' || text === undefined) {
    return changeCall(state, { verb: 'expire', call: { ...call, state: 'expired' } }, context);
  }
  const { index, timeMs } = context;
  const answer: CallAnswerRecord = { text, by: null, index, timeMs };
  const answered = { ...call, state: 'answered' as const, answer };
  const facts = { by: null, policy: call.onTimeout };
  return changeCall(state, { verb: 'answer', call: answered, facts }, context);
}

/**
 * `call.escalate`: at the deadline the call becomes more severe and its time begins anew. Who holds
 * it goes on holding it.
 */
export function reduceEscalate(
  state: StateWriter,
  { id }: z.output<typeof callBody>,
  context: ApplyContext,
): Outcome {
  const found = dueCall(state, id, { ...context, kind: 'call.escalate' });
  if ('refused' in found) return found.refused;
  const { call } = found;
  const escalated: ActiveCall = {
    ...call,
    severity: raised(call.severity),
    deadlineMs: context.timeMs + call.lengthMs,
    escalations: call.escalations + 1,
  };
  return changeCall(state, { verb: 'escalate', call: escalated }, context);
}

/** The call when its policy is due in this entry and does just that. */
function dueCall(
  state: StateWriter,
  id: string,
  { kind, origin, timeMs }: ApplyContext & { readonly kind: ReturnType<typeof policyKind> },
): ReturnType<typeof activeOr> {
  const refused = memberProblem(state, origin);
  if (refused !== undefined) return { refused };
  const found = activeOr(state, id);
  if ('refused' in found) return found;
  const dueMs = policyDueMs(found.call);
  if (dueMs === undefined || timeMs < dueMs) {
    const details = { timeMs, ...(dueMs === undefined ? {} : { dueMs }) };
    return { refused: refuse('ERR_HELP_NOT_DUE', undefined, details) };
  }
  if (policyKind(found.call) === kind) return found;
  const message = `the policy of the call does ${policyKind(found.call)} first`;
  return { refused: refuse('ERR_HELP_NOT_DUE', message) };
}
