import { z } from 'zod';
import { CooeeError, type Crypto, LIMITS, type Signer } from '../../interface/index.ts';
import {
  bytesOf,
  bytesUpTo,
  cidText,
  count,
  decodeAs,
  decodeSigned,
  encodeCanonical,
  encodeSigned,
  isSignedBy,
  peerIdText,
  type Signed,
  signingInput,
  timeMs,
} from '../../wire/index.ts';

/** Room for an entry's own fields around its batch. */
const ENTRY_BYTES_MAX = LIMITS.batchBytesMax + 512;

/** A head with the signatures of up to nine voters. */
export const HEAD_BYTES_MAX = 4 * 1024;

const actorSchema = z.strictObject({
  peer: peerIdText,
  agent: z.string().max(16).optional(),
  human: z.string().max(64).optional(),
});

/** Shape of a command; its body is checked against its kind. */
export const commandSchema = z.strictObject({
  id: cidText,
  kind: z.string().min(1).max(32),
  actor: actorSchema,
  timeMs,
  /** What the id is the CID of, with the origin; only where the id becomes a name in the state. */
  made: z.strictObject({ boot: count.min(1), number: count.min(1) }).optional(),
  /** Checked against the kind's own schema when it is proposed and when it is applied. */
  body: z.record(z.string(), z.unknown()),
});

/** A command as its origin made it. */
export type Command = z.output<typeof commandSchema>;

const batchSchema = z.strictObject({
  v: z.literal(1),
  mesh: cidText,
  origin: peerIdText,
  boot: count.min(1),
  seq: count.min(1),
  commands: z.array(commandSchema).min(1).max(LIMITS.batchCommandsMax),
});

/** Commands that their origin signed together. */
export type Batch = z.output<typeof batchSchema>;

/**
 * Batches that this program signed itself, by their bytes: what it put together it need not take
 * apart. Bytes that came from elsewhere are never among them. Like every weak map here it must be
 * cleared by hand: in one that is old, V8 holds the values till its next full collection.
 */
const signedHere = new WeakMap<Uint8Array, Batch>();

/** Signs a batch. @throws CooeeError ERR_WIRE_TOO_LARGE: the caller bounds what it puts together */
export function encodeBatch(signer: Signer, batch: Omit<Batch, 'v' | 'origin'>): Uint8Array {
  const value: Batch = { v: 1, ...batch, origin: signer.peer };
  const bytes = encodeSigned(signer, 'batch', value);
  if (bytes.length > LIMITS.batchBytesMax) throw new CooeeError('ERR_WIRE_TOO_LARGE');
  signedHere.set(bytes, value);
  return bytes;
}

/** The batch, when this program signed it itself; its signature needs no check then. */
export function batchSignedHere(bytes: Uint8Array): Batch | undefined {
  return signedHere.get(bytes);
}

/** The batch was decided: nobody asks for it any more. */
export function forgetSigned(bytes: Uint8Array): void {
  signedHere.delete(bytes);
}

/**
 * Checks a command's own fields before it is put into a batch: one that is wrong would have the
 * whole batch refused, the commands of others included.
 *
 * @throws CooeeError ERR_SLURP_COMMAND
 */
export function assertCommandForm(command: Command): void {
  const parsed = commandSchema.safeParse(command);
  if (parsed.success) return;
  const issue = parsed.error.issues[0];
  throw new CooeeError('ERR_SLURP_COMMAND', `the command is malformed: ${issue?.message ?? ''}`, {
    details: { path: issue?.path.join('.') ?? '' },
  });
}

/**
 * Takes a batch apart; its signature is not checked yet ({@link isBatchSigned}).
 *
 * @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION, ERR_SLURP_COMMAND
 */
export function decodeBatch(bytes: Uint8Array): Signed<Batch> {
  // The limit is on the whole, signature included, as it is for the entry that will hold it.
  if (bytes.length > LIMITS.batchBytesMax) throw new CooeeError('ERR_WIRE_TOO_LARGE');
  const signed = decodeSigned(batchSchema, bytes, LIMITS.batchBytesMax);
  for (const { actor } of signed.value.commands) {
    if (actor.peer !== signed.value.origin) {
      throw new CooeeError('ERR_SLURP_COMMAND', 'a node speaks for itself only');
    }
  }
  return signed;
}

/** Whether the origin signed the batch. */
export function isBatchSigned(crypto: Crypto, batch: Signed<Batch>): boolean {
  return isSignedBy(crypto.verify, 'batch', batch.value.origin, batch);
}

const entrySchema = z.strictObject({
  v: z.literal(1),
  index: count.min(1),
  term: count.min(1),
  /** Agreed time: the maximum of the previous entry's and the median of the voters' clocks. */
  timeMs,
  /** A signed batch. */
  batch: bytesUpTo(LIMITS.batchBytesMax),
});

/** An entry of the replicated log. */
export type Entry = z.output<typeof entrySchema>;

/** Canonical bytes of an entry: a leaf of the Merkle tree. */
export function encodeEntry(entry: Omit<Entry, 'v'>): Uint8Array {
  return encodeCanonical({ v: 1, ...entry });
}

/** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
export function decodeEntry(bytes: Uint8Array): Entry {
  return decodeAs(entrySchema, bytes, ENTRY_BYTES_MAX);
}

const headSchema = z.strictObject({
  v: z.literal(1),
  mesh: cidText,
  /** Rises when a lost majority is recovered by the operator's key. */
  epoch: count,
  term: count,
  /** Entries in the log that this head speaks of. */
  index: count,
  root: bytesOf(32),
  /** CID of the state at this index, in heads at snapshot marks. */
  stateCid: cidText.optional(),
  /** Who may sign the heads that follow. */
  voters: z.array(peerIdText).min(1).max(9),
  timeMs,
});

/** What the voters sign: the log up to an index has this root. */
export type Head = z.output<typeof headSchema>;

const signedHeadSchema = z.strictObject({
  h: bytesUpTo(HEAD_BYTES_MAX),
  sigs: z.array(z.strictObject({ voter: peerIdText, s: bytesOf(64) })).max(9),
});

/** A head with its signatures, taken apart. */
export interface SignedHead {
  readonly head: Head;
  /** The bytes that were signed. */
  readonly body: Uint8Array;
  readonly signatures: readonly { readonly voter: string; readonly s: Uint8Array }[];
}

/** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
export function decodeHead(bytes: Uint8Array): SignedHead {
  const outer = decodeAs(signedHeadSchema, bytes, HEAD_BYTES_MAX);
  return {
    head: decodeHeadBody(outer.h),
    body: outer.h,
    signatures: outer.sigs,
  };
}

/**
 * Takes the bytes apart that voters sign. @throws CooeeError ERR_WIRE_TOO_LARGE,
 * ERR_WIRE_MALFORMED, ERR_WIRE_VERSION
 */
export function decodeHeadBody(body: Uint8Array): Head {
  return decodeAs(headSchema, body, HEAD_BYTES_MAX);
}

/**
 * Checks that a majority of `voters` signed the head, each once.
 *
 * @throws CooeeError ERR_SLURP_HEAD with details reason `mesh`, `foreign`, `repeated`, `too-few` or
 * `signature`
 */
export function assertHead(
  crypto: Crypto,
  signed: SignedHead,
  trust: { readonly mesh: string; readonly voters: readonly string[] },
): void {
  const refuseHead = (reason: string): CooeeError =>
    new CooeeError('ERR_SLURP_HEAD', `the head is not valid: ${reason}`, { details: { reason } });
  if (signed.head.mesh !== trust.mesh) throw refuseHead('mesh');
  const seen = new Set<string>();
  const input = signingInput('head', signed.body);
  for (const { voter, s } of signed.signatures) {
    if (!trust.voters.includes(voter)) throw refuseHead('foreign');
    if (seen.has(voter)) throw refuseHead('repeated');
    if (!crypto.verify(voter, input, s)) throw refuseHead('signature');
    seen.add(voter);
  }
  if (seen.size * 2 <= trust.voters.length) throw refuseHead('too-few');
}
