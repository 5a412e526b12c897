import { z } from 'zod';
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
} from '../wire/index.ts';

/** A request or an answer: {@link HINTS_MAX} names and a signed statement fit. */
export const LIVENESS_BYTES_MAX = 2048;

/** A signed statement without its signature. */
const STATEMENT_BYTES_MAX = 512;

/** Suspects that a ping or its answer may name. */
export const HINTS_MAX = 8;

/** Random bytes that make each question for a sign of life another one. */
export const NONCE_BYTES = 16;

/** The protocol by which members ask for signs of life: their own, and each other's. */
export const livenessProtocol = (mesh: string): string => `/cooee/${mesh}/liveness/1`;

const v = z.literal(1);
const hints = z.array(peerIdText).max(HINTS_MAX);
const statement = bytesUpTo(STATEMENT_BYTES_MAX + 128);

const requestSchema = z.discriminatedUnion('kind', [
  z.strictObject({ v, kind: z.literal('ping'), boot: count, hints }),
  z.strictObject({ v, kind: z.literal('ask'), peer: peerIdText, nonce: bytesOf(NONCE_BYTES) }),
  z.strictObject({ v, kind: z.literal('prove'), nonce: bytesOf(NONCE_BYTES) }),
  z.strictObject({ v, kind: z.literal('bye'), statement }),
]);

/**
 * What a member asks another: `ping`, are you there; `ask`, is that third one there; `prove`, sign
 * that you are there, for somebody who cannot ask you; `bye`, I stop.
 */
export type LivenessRequest = z.output<typeof requestSchema>;

const answerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    v,
    kind: z.literal('pong'),
    boot: count,
    hints,
    receivedMs: timeMs,
    sentMs: timeMs,
    /** Whom it takes for the leader. */
    leader: peerIdText.nullable(),
  }),
  z.strictObject({ v, kind: z.literal('proof'), statement }),
  z.strictObject({ v, kind: z.literal('silent'), bye: statement.optional() }),
  z.strictObject({ v, kind: z.literal('noted') }),
]);

/** What is answered; `silent` may carry the goodbye of the one that was asked for. */
export type LivenessAnswer = z.output<typeof answerSchema>;

/** Requests as bytes. @throws CooeeError ERR_WIRE_* for those that cannot be read */
export const livenessRequest = {
  encode: (request: LivenessRequest): Uint8Array => encodeCanonical(request),
  decode: (bytes: Uint8Array) => decodeAs(requestSchema, bytes, LIVENESS_BYTES_MAX),
};

/** Answers as bytes. @throws CooeeError ERR_WIRE_* for those that cannot be read */
export const livenessAnswer = {
  encode: (answer: LivenessAnswer): Uint8Array => encodeCanonical(answer),
  decode: (bytes: Uint8Array) => decodeAs(answerSchema, bytes, LIVENESS_BYTES_MAX),
};

const proofSchema = z.strictObject({
  v,
  kind: z.literal('proof'),
  mesh: cidText,
  nonce: bytesOf(NONCE_BYTES),
  boot: count,
});
const byeSchema = z.strictObject({ v, kind: z.literal('bye'), mesh: cidText, boot: count });

/** A member signs that it is there, for the nonce of who wants to know. */
export type ProofStatement = z.output<typeof proofSchema>;

/** A member signs that this start of it ends. */
export type ByeStatement = z.output<typeof byeSchema>;

type SigningKey = Parameters<typeof encodeSigned>[0];

/** Proofs of life as bytes. @throws CooeeError ERR_WIRE_* for those that cannot be read */
export const proofStatement = {
  encode: (key: SigningKey, proof: ProofStatement): Uint8Array =>
    encodeSigned(key, 'liveness', proof),
  decode: (bytes: Uint8Array): Signed<ProofStatement> =>
    decodeSigned(proofSchema, bytes, STATEMENT_BYTES_MAX),
};

/** Goodbyes as bytes. @throws CooeeError ERR_WIRE_* for those that cannot be read */
export const byeStatement = {
  encode: (key: SigningKey, bye: ByeStatement): Uint8Array => encodeSigned(key, 'liveness', bye),
  decode: (bytes: Uint8Array): Signed<ByeStatement> =>
    decodeSigned(byeSchema, bytes, STATEMENT_BYTES_MAX),
};
