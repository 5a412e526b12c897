import {
  type CallRecord,
  type Hash,
  type HumanRecord,
  LIMITS,
} from '../../protocols/interface/index.ts';
import { sanitizeLine, sanitizeText } from '../../protocols/interface/text/sanitize.ts';
import { callAddress } from '../../protocols/ucxl/index.ts';
import { toHex } from '../../protocols/wire/index.ts';
import type { WebhookEvent } from './rules.ts';

const ID_HEX_DIGITS = 32;

/**
 * The id of an event, `msg_` and 32 hex digits: the same for every attempt, every webhook and every
 * node of the mesh, so that a receiver can tell what it has had.
 */
export function messageId(sha256: Hash, mesh: string, { call, version }: WebhookEvent): string {
  const digest = sha256(new TextEncoder().encode(`cooee/webhook/1|${mesh}|${call.id}|${version}`));
  return `msg_${toHex(digest).slice(0, ID_HEX_DIGITS)}`;
}

/** The body of the request: small, and the same for every attempt. */
export function messageBody(mesh: string, event: WebhookEvent): string {
  const { type, version, index, timeMs, call } = event;
  return JSON.stringify({
    type,
    timestamp: new Date(timeMs).toISOString(),
    data: { mesh, index, version, ...callView(call) },
  });
}

function callView(call: CallRecord): Record<string, unknown> {
  const { id, state, severity, asker, escalations, onTimeout, answer } = call;
  return {
    id,
    address: callAddress(id),
    state,
    severity,
    question: shorten(call.question),
    options: call.options.map(shorten),
    asker,
    deadline: new Date(call.deadlineMs).toISOString(),
    onTimeout,
    escalations,
    ...(call.claim === undefined ? {} : { claimedBy: byView(call.claim.by) }),
    ...(answer === undefined
      ? {}
      : { answer: shorten(answer.text), answeredBy: byView(answer.by) }),
  };
}

function byView(by: HumanRecord | null): HumanRecord | null {
  return by === null ? null : { human: sanitizeLine(by.human), peer: by.peer };
}

const encoder = new TextEncoder();

/**
 * What a request may show of a text that somebody wrote: it ends before a person, so nothing unseen
 * is in it, and it is cut between two characters.
 */
function shorten(whole: string): string {
  const text = sanitizeText(whole);
  const bytes = encoder.encode(text);
  if (bytes.length <= LIMITS.webhookTextBytesMax) return text;
  let end = LIMITS.webhookTextBytesMax - 3;
  // Bytes 10xxxxxx go on with a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${new TextDecoder().decode(bytes.subarray(0, end))}…`;
}
