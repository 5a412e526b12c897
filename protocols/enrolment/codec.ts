import { z } from 'zod';
import {
  CooeeError,
  type Hash,
  isCooeeError,
  isWithinUtf8,
  LIMITS,
  type Signer,
} from '../interface/index.ts';
import {
  bytesOf,
  bytesUpTo,
  cidText,
  count,
  decodeAs,
  decodeSigned,
  encodeCanonical,
  encodeSigned,
  peerIdText,
  type Signed,
  timeMs,
  toHex,
} from '../wire/index.ts';

/** A gossip body. What is over an enrolment's own limit can be read, so that it can be answered. */
const MESSAGE_BYTES_MAX = LIMITS.gossipMessageBytesMax;
const DETAILS_MAX = 16;

/** Text bounded in bytes of UTF-8, as the limits table counts. */
const textUpTo = (bytesMax: number) =>
  z
    .string()
    .max(bytesMax)
    .refine((text) => isWithinUtf8(text, bytesMax), {
      message: `expected at most ${bytesMax} bytes`,
    });

/**
 * A field of a tuple. Only what every program judges alike for ever is checked here, since reducers
 * decode claims too; whether it is in Unicode's canonical form is judged before the log (rules.ts).
 */
const tupleText = textUpTo(LIMITS.tupleFieldBytesMax).regex(/^[^|\p{Cc}]+$/u);

const claimedAgent = z.strictObject({
  model: tupleText.describe('Name of the model, canonical'),
  hostname: tupleText.describe('The same for the whole list'),
  mac: z
    .string()
    .regex(/^[0-9a-f]{12}$/)
    .describe('The same for the whole list'),
  gpu_id: z
    .string()
    .regex(/^(?:[0-9]|1[0-5])$/)
    .describe('GPU index, the slot; 0 on a host without GPU'),
  hash: bytesOf(32).describe('SHA-256 of the joined tuple'),
});

/** One agent as its node claims it. */
export type ClaimedAgent = z.output<typeof claimedAgent>;

/** The part of an enrolment that its node signs and that goes into the log. */
export const claimSchema = z.strictObject({
  v: z.literal(1),
  mesh: cidText.describe('Id of the mesh'),
  peer: peerIdText.describe('The node that the agents live on; it signs'),
  boot: count.min(1).describe('Counts the starts of the node'),
  seq: count.min(1).describe('(boot, seq) increases with each enrolment of the node'),
  timeMs: timeMs.describe('Milliseconds since 1970'),
  agents: z.array(claimedAgent).min(1).max(LIMITS.agentsPerHostMax),
});

/** A claim. */
export type Claim = z.output<typeof claimSchema>;

/** The body of `agent.grant`. */
export const grantBody = z.strictObject({ claim: bytesUpTo(LIMITS.enrolmentBytesMax) });

const token = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{5}(?:[0-9A-HJKMNP-TV-Z]{3})?$/);

/** The body of `agent.retire`. */
export const retireBody = z.strictObject({ token });

/**
 * The body of `agent.rebind`: the host of that agent, with all its agents, goes to another node.
 */
export const rebindBody = z.strictObject({ token, peer: peerIdText });

/** Signs a claim. */
export function encodeClaim(signer: Signer, claim: Omit<Claim, 'v' | 'peer'>): Uint8Array {
  return encodeSigned(signer, 'claim', { v: 1, ...claim, peer: signer.peer });
}

/**
 * Takes a claim apart; its signature is not checked yet.
 *
 * @throws CooeeError ERR_ENROLMENT_MALFORMED, ERR_ENROLMENT_TOO_LARGE, ERR_WIRE_VERSION
 */
export function decodeClaim(bytes: Uint8Array): Signed<Claim> {
  return asEnrolmentError(() => decodeSigned(claimSchema, bytes, LIMITS.enrolmentBytesMax));
}

/**
 * The id of a request: the hash of its signed claim, in hex. The signature in it makes it
 * unguessable.
 */
export function claimId(sha256: Hash, claim: Uint8Array): string {
  return toHex(sha256(claim));
}

const plaintextSchema = z.strictObject({
  v: z.literal(1),
  claim: bytesUpTo(LIMITS.enrolmentBytesMax),
  /** Free text about each agent's GPU, in the order of the claim. It stays with the leader. */
  gpuInfo: z.array(textUpTo(LIMITS.gpuInfoBytesMax)).min(1).max(LIMITS.agentsPerHostMax),
});

/** What is sealed. */
export type EnrolmentPlaintext = Omit<z.output<typeof plaintextSchema>, 'v'>;

/** @throws CooeeError ERR_ENROLMENT_TOO_LARGE over 48 KiB */
export function encodePlaintext(plaintext: EnrolmentPlaintext): Uint8Array {
  const bytes = encodeCanonical({ v: 1, ...plaintext });
  if (bytes.length > LIMITS.enrolmentBytesMax) throw tooLarge(bytes.length);
  return bytes;
}

/** @throws CooeeError ERR_ENROLMENT_MALFORMED, ERR_ENROLMENT_TOO_LARGE, ERR_WIRE_VERSION */
export function decodePlaintext(bytes: Uint8Array): EnrolmentPlaintext {
  return asEnrolmentError(() => decodeAs(plaintextSchema, bytes, LIMITS.enrolmentBytesMax));
}

const requestSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('request'),
  address: z.string().max(128).startsWith('ucxl://any:admin@COOEE:enrol/#/agentid/'),
  id: bytesOf(32),
  sealed: bytesUpTo(MESSAGE_BYTES_MAX),
});

const answerSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('answer'),
  to: peerIdText,
  id: bytesOf(32),
  code: z.string().regex(/^ERR_[A-Z0-9_]{1,60}$/),
  details: z
    .record(
      z.string().max(32),
      z.union([z.string().max(256), z.number().int(), z.boolean(), z.null()]),
    )
    .refine((details) => Object.keys(details).length <= DETAILS_MAX)
    .optional(),
});

const messageSchema = z.discriminatedUnion('kind', [requestSchema, answerSchema]);

/** A sealed request on the enrol topic. */
export type EnrolRequest = Omit<z.output<typeof requestSchema>, 'v' | 'kind'>;

/** The leader's refusal of a request that never reaches the log. */
export type EnrolAnswer = Omit<z.output<typeof answerSchema>, 'v' | 'kind'>;

/** A message on the enrol topic. */
export type EnrolMessage = z.output<typeof messageSchema>;

/** Encodes a request. */
export function encodeRequest(request: EnrolRequest): Uint8Array {
  return encodeCanonical({ v: 1, kind: 'request', ...request });
}

/** Encodes an answer. */
export function encodeAnswer(answer: EnrolAnswer): Uint8Array {
  return encodeCanonical({ v: 1, kind: 'answer', ...answer });
}

/** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
export function decodeMessage(bytes: Uint8Array): EnrolMessage {
  return decodeAs(messageSchema, bytes, MESSAGE_BYTES_MAX);
}

/** The address that a request is published under. */
export function enrolAddress(tinyHash: string): string {
  return `ucxl://any:admin@COOEE:enrol/#/agentid/${tinyHash}`;
}

function asEnrolmentError<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (isCooeeError(error, 'ERR_WIRE_TOO_LARGE')) {
      throw new CooeeError('ERR_ENROLMENT_TOO_LARGE', error.message, { cause: error });
    }
    if (isCooeeError(error, 'ERR_WIRE_MALFORMED')) {
      throw new CooeeError('ERR_ENROLMENT_MALFORMED', error.message, {
        details: { reason: 'form', ...error.details },
        cause: error,
      });
    }
    throw error;
  }
}

function tooLarge(bytes: number): CooeeError {
  return new CooeeError('ERR_ENROLMENT_TOO_LARGE', undefined, {
    details: { bytes, bytesMax: LIMITS.enrolmentBytesMax },
  });
}
