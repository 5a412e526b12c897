import {
  CALL_SEVERITIES,
  type CallRecord,
  type CallSeverity,
} from '../../protocols/interface/index.ts';
import type { CallEventType } from '../config/webhooks.ts';

/** Something that happened to a call. */
export interface WebhookEvent {
  readonly type: CallEventType;
  /** Which version of the call it brought, from 1. */
  readonly version: number;
  /** Log index of the entry. */
  readonly index: number;
  /** Agreed time of the entry. */
  readonly timeMs: number;
  /** The call as it was from then on. */
  readonly call: CallRecord;
}

/** Which events a webhook is told. */
export interface EventFilter {
  /** All without it. */
  readonly events?: readonly CallEventType[] | undefined;
  readonly severityMin: CallSeverity;
  /** How often a call must have been escalated. */
  readonly escalationMin: number;
}

/** What came of one attempt. */
export type Attempt =
  | {
      readonly kind: 'status';
      readonly status: number;
      /** What the receiver asks for in `Retry-After`. */
      readonly retryAfterMs?: number;
    }
  | {
      readonly kind: 'failed';
      readonly reason: FailureReason;
      /** The system's word for it: `ECONNREFUSED`. */
      readonly code?: string;
    };

/** Why there was no status. */
export type FailureReason = 'address' | 'name' | 'network' | 'timeout';

/** What becomes of a delivery after an attempt. */
export type Verdict = 'delivered' | 'gone' | 'retry';

/** Pauses after a failure: 1 s, doubled each time, never above 10 minutes. */
const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 10 * 60_000;
/** 2^10 s are above the most: no need to count further. */
const DOUBLINGS_MAX = 10;
/** A receiver may ask for patience, not for silence. */
const RETRY_AFTER_MS_MAX = 60 * 60_000;

const GONE = 410;
/** With these `Retry-After` is about all requests (RFC 6585 section 4, RFC 9110 section 15.6.4). */
const HOLDING: ReadonlySet<number> = new Set([429, 503]);

/** Whether the webhook is told of the event. */
export function wants(filter: EventFilter, { type, call }: WebhookEvent): boolean {
  if (filter.events !== undefined && !filter.events.includes(type)) return false;
  if (call.escalations < filter.escalationMin) return false;
  return CALL_SEVERITIES.indexOf(call.severity) >= CALL_SEVERITIES.indexOf(filter.severityMin);
}

/** Whether nothing more will happen to the call. */
export function isOver({ state }: CallRecord): boolean {
  return state !== 'open' && state !== 'claimed';
}

/**
 * Standard Webhooks 1.0.0, "Delivery success and failure": 2xx is success, 410 ends the webhook,
 * everything else, redirects and 4xx too, is a failure that is tried again.
 */
export function judge(attempt: Attempt): Verdict {
  if (attempt.kind === 'failed') return 'retry';
  const { status } = attempt;
  if (status >= 200 && status <= 299) return 'delivered';
  return status === GONE ? 'gone' : 'retry';
}

/** What of an attempt may be shown. */
export function describe(attempt: Attempt): string {
  if (attempt.kind === 'status') return `status ${attempt.status}`;
  const code = attempt.code === undefined ? '' : ` (${attempt.code})`;
  const reasons: Record<FailureReason, string> = {
    address: 'its name leads to an address that is not allowed',
    name: 'its name cannot be looked up',
    network: `the connection failed${code}`,
    timeout: 'no answer in time',
  };
  return reasons[attempt.reason];
}

/**
 * How long to wait before the next attempt.
 *
 * @param failures - attempts so far, from 1
 * @param fraction - in [0, 1): spreads the pause over its upper half, so that the receiver is not
 * met by all at once
 */
export function pauseMs(failures: number, fraction: number, attempt: Attempt): number {
  const doublings = Math.min(failures - 1, DOUBLINGS_MAX);
  const wholeMs = Math.min(PAUSE_MS_MIN * 2 ** doublings, PAUSE_MS_MAX);
  const ownMs = Math.round(wholeMs * (0.5 + fraction / 2));
  const askedMs = attempt.kind === 'status' ? (attempt.retryAfterMs ?? 0) : 0;
  return Math.max(ownMs, Math.min(askedMs, RETRY_AFTER_MS_MAX));
}

/** For how long the receiver wants no request at all; 0 when it said no such thing. */
export function holdMs(attempt: Attempt): number {
  if (attempt.kind !== 'status' || !HOLDING.has(attempt.status)) return 0;
  return Math.min(attempt.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX);
}

/**
 * The header `Retry-After` (RFC 9110 section 10.2.3), as a pause; undefined when it makes no sense.
 *
 * @param nowMs - for the form that is a date
 */
export function parseRetryAfter(text: string, nowMs: number): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Dates of HTTP end in GMT; what else the runtime would take for a date is nobody's word.
  if (!/^\w{3}, .* GMT$/.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
