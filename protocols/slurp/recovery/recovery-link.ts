import { z } from 'zod';
import { CooeeError, type Crypto, LIMITS, type SeedKey } from '../../interface/index.ts';
import {
  bytesOf,
  bytesUpTo,
  cidOf,
  cidText,
  count,
  decodeAs,
  decodeCanonical,
  encodeCanonical,
  peerIdText,
  signingInput,
  timeMs,
  toHex,
} from '../../wire/index.ts';

/** A link of the chain, whoever signed it. */
export const RECOVERY_BYTES_MAX = 4 * 1024;

/** Bytes of chance in a recovery. */
export const RECOVERY_NONCE_BYTES = 16;

/** Characters of the hash by which people tell one recovery from another. */
const ID_LENGTH = 16;

const bodySchema = z.strictObject({
  v: z.literal(1),
  mesh: cidText,
  /** The epoch that begins. */
  epoch: count.min(1),
  /** The last entry of the log that goes on: what came behind it elsewhere is given up. */
  index: count.min(1),
  /** Root of the log up to there. */
  root: bytesOf(32),
  /** The term in which it goes on: later than any that was heard of. */
  term: count.min(1),
  /** Who votes from the next entry on. */
  voters: z.array(peerIdText).min(1).max(LIMITS.votersMax),
  timeMs,
  /**
   * Makes each one a statement of its own: a wrong clock or a restored home can bring all the rest
   * again, and what follows then would pass for what followed the first.
   */
  nonce: bytesOf(RECOVERY_NONCE_BYTES),
});

const linkSchema = z.strictObject({
  r: bytesUpTo(RECOVERY_BYTES_MAX),
  s: bytesOf(64),
  /**
   * What the mesh id is the CID of: it names the recovery key to those who have no state yet. Not
   * there when nobody that could be asked had it any more.
   */
  g: bytesUpTo(RECOVERY_BYTES_MAX).optional(),
});

const genesisSchema = z.looseObject({ v: z.literal(1), recovery: bytesOf(32) });

/** What the operator signs when a majority is lost. */
export type RecoveryBody = z.output<typeof bodySchema>;

/** A recovery, taken apart. */
export interface Recovery extends RecoveryBody {
  /** By which people and nodes tell it from another one of the same epoch. */
  readonly id: string;
  /** As it was received. */
  readonly bytes: Uint8Array;
  /** Index of the entry that brings it into the log: the new voters vote from there on. */
  readonly entryIndex: number;
}

/** By what a recovery is judged. */
export interface RecoveryTrust {
  readonly mesh: string;
  /** The operator's public key out of the state; undefined for who has none yet. */
  readonly key: Uint8Array | undefined;
}

/** Signs a recovery. @param genesis what the mesh id is the CID of, when it is at hand */
export function signRecovery(
  key: Pick<SeedKey, 'sign'>,
  body: Omit<RecoveryBody, 'v'>,
  genesis?: Uint8Array,
): Uint8Array {
  const r = encodeCanonical({ v: 1, ...body });
  const s = key.sign(signingInput('recovery', r));
  return encodeCanonical({ r, s, ...(genesis === undefined ? {} : { g: genesis }) });
}

/**
 * Whether these bytes of the chain are a recovery and not a head; nothing else is said of them.
 *
 * @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED
 */
export function isRecovery(bytes: Uint8Array): boolean {
  const value = decodeCanonical(bytes, RECOVERY_BYTES_MAX);
  return typeof value === 'object' && value !== null && 'r' in value;
}

/**
 * Takes a recovery apart; who signed it is not checked.
 *
 * @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION
 */
export function decodeRecovery(sha256: Crypto['sha256'], bytes: Uint8Array): Recovery {
  const { r } = decodeAs(linkSchema, bytes, RECOVERY_BYTES_MAX);
  const body = decodeAs(bodySchema, r, RECOVERY_BYTES_MAX);
  const id = toHex(sha256(r)).slice(0, ID_LENGTH);
  return { ...body, id, bytes, entryIndex: body.index + 1 };
}

/** Index of the entry that brings a recovery into the log. @throws CooeeError ERR_WIRE_* */
export function entryIndexOf(bytes: Uint8Array): number {
  const { r } = decodeAs(linkSchema, bytes, RECOVERY_BYTES_MAX);
  return decodeAs(bodySchema, r, RECOVERY_BYTES_MAX).index + 1;
}

/** The epoch that a recovery begins; who signed it is not checked. @throws CooeeError ERR_WIRE_* */
export function epochNumberOf(bytes: Uint8Array): number {
  const { r } = decodeAs(linkSchema, bytes, RECOVERY_BYTES_MAX);
  return decodeAs(bodySchema, r, RECOVERY_BYTES_MAX).epoch;
}

/** Whom a recovery names as voters; who signed it is not checked. @throws CooeeError ERR_WIRE_* */
export function namedVoters(bytes: Uint8Array): readonly string[] {
  const { r } = decodeAs(linkSchema, bytes, RECOVERY_BYTES_MAX);
  return decodeAs(bodySchema, r, RECOVERY_BYTES_MAX).voters;
}

/**
 * Checks a recovery: it is of this mesh, and signed by the operator's recovery key, which is in the
 * state, or in the genesis that the mesh id names.
 *
 * @throws CooeeError ERR_SLURP_HEAD with details.reason `mesh`, `signature`, or `recovery` when
 * nothing tells what the key is, or it carries another genesis; ERR_WIRE_*
 */
export function verifyRecovery(crypto: Crypto, trust: RecoveryTrust, bytes: Uint8Array): Recovery {
  const recovery = decodeRecovery(crypto.sha256, bytes);
  if (recovery.mesh !== trust.mesh) throw refuse('mesh');
  const { r, s, g } = decodeAs(linkSchema, bytes, RECOVERY_BYTES_MAX);
  const named = keyIn(crypto, trust.mesh, g);
  const key = trust.key ?? named;
  // It is handed on as it is: with another genesis it would tell nobody anything who has no state.
  if (key === undefined || (g !== undefined && named === undefined)) throw refuse('recovery');
  if (!crypto.verifyRaw(key, signingInput('recovery', r), s)) throw refuse('signature');
  return recovery;
}

/** What the mesh id is the CID of, as a recovery carries it. @throws CooeeError ERR_WIRE_* */
export function carriedGenesis(bytes: Uint8Array): Uint8Array | undefined {
  return decodeAs(linkSchema, bytes, RECOVERY_BYTES_MAX).g;
}

/**
 * A recovery with what the mesh id is the CID of, for those who have no state: whoever signed it
 * may not have had it at hand. As it was when it carries one, or both are too large together.
 *
 * @throws CooeeError ERR_WIRE_*
 */
export function withGenesis(bytes: Uint8Array, genesis: Uint8Array): Uint8Array {
  const { r, s, g } = decodeAs(linkSchema, bytes, RECOVERY_BYTES_MAX);
  if (g !== undefined) return bytes;
  const whole = encodeCanonical({ r, s, g: genesis });
  return whole.length > RECOVERY_BYTES_MAX ? bytes : whole;
}

/**
 * The operator's key in a genesis, when it is the one that the mesh id names.
 *
 * @throws CooeeError ERR_WIRE_*
 */
export function keyIn(
  crypto: Crypto,
  mesh: string,
  genesis: Uint8Array | undefined,
): Uint8Array | undefined {
  if (genesis === undefined || cidOf(crypto.sha256, genesis) !== mesh) return undefined;
  return decodeAs(genesisSchema, genesis, RECOVERY_BYTES_MAX).recovery;
}

function refuse(reason: string): CooeeError {
  return new CooeeError('ERR_SLURP_HEAD', `the recovery is not valid: ${reason}`, {
    details: { reason },
  });
}
