import type { z } from 'zod';
import {
  type ApplyContext,
  type CallAnswerRecord,
  type ClaimRecord,
  type HumanRecord,
  LIMITS,
  type Outcome,
  type Refusal,
  refuse,
  type StateReader,
  type StateWriter,
} from '../interface/index.ts';
import { changeCall } from './reducer-change.ts';
import {
  type ActiveCall,
  activeOr,
  deadlineProblem,
  heldBy,
  humanProblem,
  memberProblem,
} from './rules.ts';
import type { answerBody, callBody, releaseBody } from './schema.ts';

/**
 * `call.claim`: a human takes the call. Of all who press at once the first in the log has it; the
 * others are told who.
 */
export function reduceClaim(
  state: StateWriter,
  { id }: z.output<typeof callBody>,
  context: ApplyContext,
): Outcome {
  const found = forHuman(state, id, context);
  if ('refused' in found) return found.refused;
  const { call } = found;
  const late = deadlineProblem(call, context);
  if (late !== undefined) return late;
  if (standing(call, context) !== undefined) return heldBy(call, 'ERR_HELP_CLAIMED');
  const { timeMs } = context;
  const fence = call.fence + 1;
  const by = humanOf(context);
  const claim: ClaimRecord = { by, fence, sinceMs: timeMs, untilMs: timeMs + LIMITS.callClaimMs };
  const claimed = { ...call, state: 'claimed' as const, fence, claim };
  return changeCall(state, { verb: 'claim', call: claimed, facts: { by, fence } }, context);
}

/**
 * `call.release`: who holds the call gives it back; or its claim has lapsed, which any member may
 * say and the leader does.
 */
export function reduceRelease(
  state: StateWriter,
  { id, fence }: z.output<typeof releaseBody>,
  context: ApplyContext,
): Outcome {
  const refused = memberProblem(state, context.origin);
  if (refused !== undefined) return refused;
  const found = activeOr(state, id);
  if ('refused' in found) return found.refused;
  const { claim, ...call } = found.call;
  if (claim === undefined) return refuse('ERR_HELP_UNCLAIMED');
  if (claim.fence !== fence) return heldBy(found.call, 'ERR_HELP_FENCE');
  const hasLapsed = context.timeMs >= claim.untilMs;
  const notHeld = hasLapsed ? undefined : holderProblem(found.call, context);
  if (notHeld !== undefined) return notHeld;
  const { by } = claim;
  const facts = { by, fence, reason: hasLapsed ? 'lapse' : 'release' };
  return changeCall(state, { verb: 'release', call: { ...call, state: 'open' }, facts }, context);
}

/** `call.answer`: who holds the call answers it, before its deadline, and that is final. */
export function reduceAnswer(
  state: StateWriter,
  { id, fence, text }: z.output<typeof answerBody>,
  context: ApplyContext,
): Outcome {
  const found = forHuman(state, id, context);
  if ('refused' in found) return found.refused;
  const late = deadlineProblem(found.call, context);
  if (late !== undefined) return late;
  const claim = standing(found.call, context);
  if (claim === undefined) {
    const message = 'nobody holds the call: the claim lapsed or was given back';
    return fence > found.call.fence || found.call.fence === 0
      ? refuse('ERR_HELP_UNCLAIMED')
      : refuse('ERR_HELP_FENCE', message, { fence });
  }
  if (claim.fence !== fence) return heldBy(found.call, 'ERR_HELP_FENCE');
  const notHeld = holderProblem(found.call, context);
  if (notHeld !== undefined) return notHeld;
  const { claim: _, ...call } = found.call;
  const { index, timeMs } = context;
  const answer: CallAnswerRecord = { text, by: claim.by, index, timeMs };
  const facts = { by: claim.by, fence };
  const answered = { ...call, state: 'answered' as const, answer };
  return changeCall(state, { verb: 'answer', call: answered, facts }, context);
}

/** The call, when a member's human may do something about it. */
function forHuman(
  state: StateReader,
  id: string,
  context: ApplyContext,
): ReturnType<typeof activeOr> {
  const refused = memberProblem(state, context.origin) ?? humanProblem(context);
  return refused === undefined ? activeOr(state, id) : { refused };
}

/** The claim that counts in this entry. */
function standing(call: ActiveCall, { timeMs }: ApplyContext): ClaimRecord | undefined {
  return call.claim !== undefined && timeMs < call.claim.untilMs ? call.claim : undefined;
}

function holderProblem(call: ActiveCall, context: ApplyContext): Refusal | undefined {
  const { claim } = call;
  const { actor, origin, timeMs } = context;
  if (claim === undefined) return refuse('ERR_HELP_UNCLAIMED');
  if (actor.human === undefined) {
    // A leader before its time: it tries again at that time.
    return refuse('ERR_HELP_NOT_DUE', undefined, { timeMs, dueMs: claim.untilMs });
  }
  const isHolder = claim.by.human === actor.human && claim.by.peer === origin;
  return isHolder ? undefined : heldBy(call, 'ERR_HELP_CLAIMED');
}

function humanOf({ actor, origin }: ApplyContext): HumanRecord {
  return { human: actor.human ?? '', peer: origin };
}
