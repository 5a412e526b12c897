import type { z } from 'zod';
import {
  type ApplyContext,
  type AuthorRecord,
  type CallRecord,
  calledKey,
  LIMITS,
  type NamingContext,
  type Outcome,
  type Refusal,
  refuse,
  type StateReader,
  type StateWriter,
} from '../interface/index.ts';
import { askerKeys, changeCall, countOpen } from './reducer-change.ts';
import { type ActiveCall, activeOr, memberProblem } from './rules.ts';
import type { callBody, openBody } from './schema.ts';

/**
 * `call.open`: a call for human help begins its life. One whose deadline passed on its way into the
 * log is opened all the same: its policy decides next, and its asker can read how.
 */
export function reduceOpen(
  state: StateWriter,
  body: z.output<typeof openBody>,
  context: NamingContext,
): Outcome {
  const { index, timeMs, commandId: id } = context;
  const refused = askerProblem(state, context) ?? rangeProblem(body.deadline, context);
  if (refused !== undefined) return refused;
  // No other node has this id; what a node used twice must not take the place of its own call.
  if (state.get('call', id) !== undefined) {
    return refuse('ERR_SLURP_COMMAND', 'there is a call with that id');
  }
  const asker = askerOf(context);
  const tooMany = countProblem(state, asker);
  if (tooMany !== undefined) return tooMany;
  const number = (state.get('cursor', 'calls') ?? 0) + 1;
  const { question, context: told, options, severity, onTimeout } = body;
  const deadlineMs = deadlineOf(body.deadline, timeMs);
  const call: CallRecord = {
    ...{ id, number, asker, question, context: told, options },
    ...(body.default === undefined ? {} : { default: body.default }),
    ...{ severity, onTimeout, state: 'open', index, timeMs, deadlineMs },
    lengthMs: Math.max(LIMITS.callLengthMsMin, deadlineMs - timeMs),
    escalations: 0,
    fence: 0,
  };
  state.put('called', calledKey(number), id);
  state.put('cursor', 'calls', number);
  countOpen(state, asker, 1);
  return changeCall(state, { verb: 'open', call }, context);
}

/**
 * `call.withdraw`: the asker needs no answer any more. An agent withdraws its own calls, the node
 * all that were asked from it; an admin those of a node that is no member any more.
 */
export function reduceWithdraw(
  state: StateWriter,
  { id }: z.output<typeof callBody>,
  context: ApplyContext,
): Outcome {
  const refused = askerProblem(state, context);
  if (refused !== undefined) return refused;
  const found = activeOr(state, id);
  if ('refused' in found) return found.refused;
  const { claim: _, ...call } = found.call;
  if (!mayWithdraw(state, found.call, context)) return refuse('ERR_HELP_NOT_ASKER');
  return changeCall(state, { verb: 'withdraw', call: { ...call, state: 'withdrawn' } }, context);
}

function mayWithdraw(
  state: StateReader,
  { asker }: ActiveCall,
  { actor, origin }: ApplyContext,
): boolean {
  if (asker.peer === origin) return actor.agent === undefined || actor.agent === asker.agent;
  const isGone = (state.get('member', asker.peer)?.removedIndex ?? null) !== null;
  return isGone && actor.agent === undefined && state.get('member', origin)?.role === 'admin';
}

/** A call that a human asks at a node is that node's. */
function askerOf({ actor, origin }: ApplyContext): AuthorRecord {
  return actor.agent === undefined ? { peer: origin } : { peer: origin, agent: actor.agent };
}

function askerProblem(state: StateReader, { actor, origin }: ApplyContext): Refusal | undefined {
  const refused = memberProblem(state, origin);
  if (refused !== undefined || actor.agent === undefined) return refused;
  const agent = state.get('agent', actor.agent);
  const isOwn = agent !== undefined && agent.peer === origin && agent.retiredIndex === null;
  return isOwn ? undefined : refuse('ERR_MEMBERSHIP_FORBIDDEN', 'the agent is not of this node');
}

type Deadline = z.output<typeof openBody>['deadline'];

function deadlineOf(deadline: Deadline, timeMs: number): number {
  return 'atMs' in deadline ? deadline.atMs : timeMs + deadline.afterMs;
}

function rangeProblem(deadline: Deadline, { timeMs }: ApplyContext): Refusal | undefined {
  const deadlineMs = deadlineOf(deadline, timeMs);
  if (deadlineMs - timeMs <= LIMITS.callLengthMsMax) return undefined;
  return refuse('ERR_HELP_DEADLINE_RANGE', undefined, { timeMs, deadlineMs });
}

function countProblem(state: StateReader, asker: AuthorRecord): Refusal | undefined {
  const maxima = [LIMITS.callsOpenPerNodeMax, LIMITS.callsOpenPerAgentMax];
  for (const [i, key] of askerKeys(asker).entries()) {
    const limit = maxima[i] ?? 0;
    if ((state.get('openCalls', key) ?? 0) < limit) continue;
    const what = i === 0 ? 'node' : 'agent';
    return refuse('ERR_HELP_TOO_MANY', `the ${what} has ${limit} open calls`, { what, limit });
  }
  return undefined;
}
