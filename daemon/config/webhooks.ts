import { z } from 'zod';
import { CALL_SEVERITIES, LIMITS } from '../../protocols/interface/index.ts';

/** What happens to a call: the events that a webhook can be told of. */
export const CALL_EVENTS = [
  'call:open',
  'call:claim',
  'call:release',
  'call:escalate',
  'call:answer',
  'call:expire',
  'call:withdraw',
] as const;

/** One of {@link CALL_EVENTS}. */
export type CallEventType = (typeof CALL_EVENTS)[number];

/** How a secret begins (Standard Webhooks 1.0.0, "Signature scheme"). */
const SECRET_PREFIX = 'whsec_';
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;

/**
 * The bytes of a secret in text form, `whsec_` and base64 of 24 to 64 bytes; undefined when it is
 * not one.
 */
export function secretBytes(text: string): Uint8Array | undefined {
  if (!text.startsWith(SECRET_PREFIX)) return undefined;
  const encoded = text.slice(SECRET_PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64');
  // Buffer passes over what is not base64: a mangled secret must not become a weaker one.
  const isWhole = bytes.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '');
  const isLong = bytes.length >= SECRET_BYTES_MIN && bytes.length <= SECRET_BYTES_MAX;
  return isWhole && isLong ? new Uint8Array(bytes) : undefined;
}

const urlText = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
    message: 'must be a URL that begins with https:// or http://',
  })
  .refine((text) => !URL.canParse(text) || hasNoUser(new URL(text)), {
    message: 'must not hold a user name or a password',
  });

function hasNoUser({ username, password }: URL): boolean {
  return username === '' && password === '';
}

const secretText = z.string().refine((text) => secretBytes(text) !== undefined, {
  message: 'must be whsec_ and 24 to 64 bytes in base64',
});

/** One webhook: who is told what of calls for human help. */
export const webhookSchema = z
  .strictObject({
    /** What logs and conditions call it; they never show the URL. */
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
    url: urlText,
    /** What the receiver checks the signature with: this, or the file that holds it. */
    secret: secretText.optional(),
    secretFile: z.string().min(1).max(1024).optional(),
    /** Events to tell; all without it. */
    events: z.array(z.enum(CALL_EVENTS)).min(1).max(CALL_EVENTS.length).optional(),
    /** Calls below this severity are not told. */
    severityMin: z.enum(CALL_SEVERITIES).default('info'),
    /** Calls that were escalated less often than this are not told. */
    escalationMin: z.int().min(0).max(3).default(0),
    /** Whether it may be on loopback or in a private network. */
    allowPrivate: z.boolean().default(false),
  })
  .refine(({ secret, secretFile }) => (secret === undefined) !== (secretFile === undefined), {
    message: 'needs secret or secretFile, and not both',
    path: ['secret'],
  });

/** A webhook as the configuration file has it. */
export type WebhookSettings = z.output<typeof webhookSchema>;

/** All webhooks of a node. */
export const webhooksSchema = z
  .array(webhookSchema)
  .max(LIMITS.webhooksMax)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
    message: 'each needs a name of its own',
  })
  .refine((all) => new Set(all.map(({ url }) => hrefOf(url))).size === all.length, {
    message: 'each needs a URL of its own',
  });

function hrefOf(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url;
}
