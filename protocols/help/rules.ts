import {
  type ApplyContext,
  type CallRecord,
  type CallSeverity,
  LIMITS,
  type OpenCallRecord,
  type Refusal,
  refuse,
  type StateReader,
} from '../interface/index.ts';

/** A call whose life has not ended. */
export type ActiveCall = CallRecord & { readonly state: 'open' | 'claimed' };

/** What is to happen to a call by the time alone. */
export interface Due {
  readonly kind: 'call.escalate' | 'call.expire' | 'call.release';
  /** Agreed time from which on it may happen. */
  readonly atMs: number;
}

/** Answer by the policy `deny`. */
export const DENIED = 'denied';

const NEXT: Readonly<Record<CallSeverity, CallSeverity>> = {
  info: 'blocked',
  blocked: 'danger',
  danger: 'danger',
};

/** The severity of a call after its escalation. */
export function raised(severity: CallSeverity): CallSeverity {
  return NEXT[severity];
}

/** Whether the call is neither answered nor expired nor withdrawn. */
export function isActive<C extends Pick<CallRecord, 'state'>>(
  call: C,
): call is C & Pick<ActiveCall, 'state'> {
  return call.state === 'open' || call.state === 'claimed';
}

/** When its policy takes over; undefined when it waits for as long as it takes. */
export function policyDueMs(
  call: Pick<CallRecord, 'onTimeout' | 'deadlineMs'>,
): number | undefined {
  return call.onTimeout === 'wait' ? undefined : call.deadlineMs;
}

/** What the policy does at the deadline. */
export function policyKind(
  call: Pick<CallRecord, 'onTimeout' | 'escalations'>,
): 'call.escalate' | 'call.expire' {
  const isRising = call.onTimeout === 'escalate' && call.escalations < LIMITS.callEscalationsMax;
  return isRising ? 'call.escalate' : 'call.expire';
}

/** The row of the table `openCall`. */
export function openRow(call: ActiveCall): OpenCallRecord {
  const { number, state, severity, asker, claim } = call;
  const dueMs = policyDueMs(call);
  return {
    ...{ number, state, severity, asker },
    ...(dueMs === undefined ? {} : { dueMs }),
    ...(claim === undefined ? {} : { claimUntilMs: claim.untilMs }),
  };
}

/** When something is to happen to a call next; undefined when time does nothing to it. */
export function nextDueMs({ dueMs, claimUntilMs }: OpenCallRecord): number | undefined {
  if (dueMs === undefined || claimUntilMs === undefined) return dueMs ?? claimUntilMs;
  return Math.min(dueMs, claimUntilMs);
}

/** What is to happen to a call by time next; undefined when time does nothing to it. */
export function nextDue(call: ActiveCall): Due | undefined {
  const dueMs = policyDueMs(call);
  const untilMs = call.claim?.untilMs;
  if (dueMs !== undefined && (untilMs === undefined || dueMs <= untilMs)) {
    return { kind: policyKind(call), atMs: dueMs };
  }
  return untilMs === undefined ? undefined : { kind: 'call.release', atMs: untilMs };
}

/** The call when something can still become of it, else the refusal that says why not. */
export function activeOr(
  state: StateReader,
  id: string,
): { readonly call: ActiveCall } | { readonly refused: Refusal } {
  const call = state.get('call', id);
  if (call === undefined) return { refused: refuse('ERR_HELP_UNKNOWN') };
  if (isActive(call)) return { call };
  if (call.state === 'expired') return { refused: refuse('ERR_HELP_EXPIRED') };
  if (call.state === 'withdrawn') return { refused: refuse('ERR_HELP_WITHDRAWN') };
  const by = call.answer?.by ?? null;
  if (by === null) {
    const message = `its policy (${call.onTimeout}) has answered the call`;
    return { refused: refuse('ERR_HELP_ANSWERED', message, { policy: call.onTimeout }) };
  }
  const message = `the call was answered by ${by.human}`;
  return { refused: refuse('ERR_HELP_ANSWERED', message, { by: by.human, peer: by.peer }) };
}

/** A refusal when the origin is no member. */
export function memberProblem(state: StateReader, origin: string): Refusal | undefined {
  const member = state.get('member', origin);
  if (member === undefined) return refuse('ERR_MEMBERSHIP_NOT_MEMBER');
  return member.removedIndex === null ? undefined : refuse('ERR_MEMBERSHIP_REMOVED');
}

/** A refusal when it is not a human who acts. */
export function humanProblem({ actor }: ApplyContext): Refusal | undefined {
  const isHuman = actor.human !== undefined && actor.human !== '' && actor.agent === undefined;
  return isHuman ? undefined : refuse('ERR_HELP_HUMAN');
}

/** A refusal when the entry is at or past the deadline, whatever any node's clock says. */
export function deadlineProblem(call: ActiveCall, { timeMs }: ApplyContext): Refusal | undefined {
  const dueMs = policyDueMs(call);
  if (dueMs === undefined || timeMs < dueMs) return undefined;
  return refuse('ERR_HELP_DEADLINE', undefined, { timeMs, deadlineMs: dueMs });
}

/** The refusal that says who holds the call. */
export function heldBy(call: ActiveCall, code: 'ERR_HELP_CLAIMED' | 'ERR_HELP_FENCE'): Refusal {
  const { claim } = call;
  if (claim === undefined) return refuse('ERR_HELP_UNCLAIMED', undefined, { fence: call.fence });
  const { by, fence, untilMs } = claim;
  const message = `the call is held by ${by.human}`;
  return refuse(code, message, { by: by.human, peer: by.peer, fence, untilMs });
}
