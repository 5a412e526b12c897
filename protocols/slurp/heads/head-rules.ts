import {
  CooeeError,
  type Crypto,
  type ErrorDetails,
  isCooeeError,
  type Signer,
} from '../../interface/index.ts';
import type { TrustAnchor } from '../../membership/index.ts';
import { encodeCanonical, equalBytes, signingInput } from '../../wire/index.ts';
import { assertHead, type Head, type SignedHead } from '../machine/codec.ts';

/** Why a head is not taken: the label of `cooee_slurp_heads_refused_total`. */
export type HeadRefusal =
  /** Of another mesh. */
  | 'mesh'
  /** Of another epoch: a recovery that this node does not know, or one that is over. */
  | 'epoch'
  /** Signed by somebody who has no vote there. */
  | 'foreign'
  /** One voter's signature twice. */
  | 'repeated'
  /** A signature over other bytes. */
  | 'signature'
  /** No majority. */
  | 'too-few'
  /** A recovery, and nothing here tells what the operator's key is; or with another genesis. */
  | 'recovery'
  /** Another root than the anchor's, at its index. */
  | 'anchor'
  /** It does not follow from what is trusted here. */
  | 'chain'
  /** Another root than a head at the same index that was verified before. */
  | 'fork'
  /** Older than the highest one verified. */
  | 'stale';

/** ERR_SLURP_HEAD with the reason in its details. */
export function refuseHead(
  reason: string,
  message = `the head is not valid: ${reason}`,
  details: ErrorDetails = {},
): CooeeError {
  return new CooeeError('ERR_SLURP_HEAD', message, { details: { reason, ...details } });
}

/** The label under which a refusal is counted; undefined when it is none of a head. */
export function reasonOf(error: unknown): string | undefined {
  if (isCooeeError(error, 'ERR_SLURP_ANCHOR')) return 'anchor';
  if (!isCooeeError(error, 'ERR_SLURP_HEAD')) return undefined;
  return String(error.details['reason']);
}

/** Voters, and the index of the entry that brought them (or of the anchor that names them). */
export interface VoterSet {
  readonly index: number;
  readonly voters: readonly string[];
  /** The epoch that they vote in; undefined when only their anchor is known. */
  readonly epoch?: number | undefined;
  /** It was the operator who named them, in the place of those before. */
  readonly isRecovered?: boolean | undefined;
}

/** Who signs a head, and whom the head names as voters. */
export interface Electorate {
  /** A majority of these must sign. */
  readonly signers: readonly string[];
  /** What the head says; undefined when that cannot be told. */
  readonly voters: readonly string[] | undefined;
  /** The head hands over from one set of voters to the next. */
  readonly isLink: boolean;
  /** The epoch of the head; undefined when it is not known. */
  readonly epoch?: number | undefined;
}

/**
 * Who signs the head of an index. At the very index of a change the old voters do and the head
 * names the new ones: a link of the trust chain. Before the first known set its voters are the best
 * guess, good for information only.
 *
 * @param sets by rising index; at least one
 */
export function electorateAt(sets: readonly VoterSet[], index: number): Electorate {
  const at = sets.findLastIndex((set) => set.index <= index);
  const set = sets[Math.max(at, 0)];
  if (set === undefined) throw new RangeError('a head is judged by at least one set of voters');
  const epoch = set.epoch === undefined ? {} : { epoch: set.epoch };
  if (at < 0) return { signers: set.voters, voters: undefined, isLink: false };
  const before = sets[at - 1];
  // Nobody hands over to those whom the operator named: they sign from their own entry on.
  if (set.index !== index || before === undefined || set.isRecovered === true) {
    return { signers: set.voters, voters: set.voters, isLink: false, ...epoch };
  }
  return { signers: before.voters, voters: set.voters, isLink: true, ...epoch };
}

/** Whether two lists name the same voters, in whatever order. */
export function isSameVoters(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((voter) => b.includes(voter));
}

/** How many of so many voters are a majority. */
export function majorityOf(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

/**
 * Checks a head against those who must have signed it.
 *
 * @throws CooeeError ERR_SLURP_HEAD, details.reason: see {@link HeadRefusal}
 */
export function verifyHead(
  crypto: Crypto,
  signed: SignedHead,
  place: {
    readonly mesh: string;
    /** Any when it is undefined. */
    readonly epoch: number | undefined;
    readonly electorate: Electorate;
  },
): void {
  const { mesh, epoch, electorate } = place;
  // First: who votes in another epoch says nothing here.
  if (signed.head.mesh === mesh && epoch !== undefined && signed.head.epoch !== epoch) {
    throw refuseHead('epoch');
  }
  assertHead(crypto, signed, { mesh, voters: electorate.signers });
  const { voters } = electorate;
  if (voters !== undefined && !isSameVoters(voters, signed.head.voters)) throw refuseHead('chain');
}

/**
 * A log that has another root at the anchor is another log, whoever signed it.
 *
 * @throws CooeeError ERR_SLURP_ANCHOR
 */
export function assertAnchor({ index, root }: TrustAnchor, { head }: SignedHead): void {
  if (head.index !== index || equalBytes(head.root, root)) return;
  throw new CooeeError('ERR_SLURP_ANCHOR');
}

/** A voter's signature under a head. */
export interface HeadSignature {
  readonly voter: string;
  readonly s: Uint8Array;
}

/** The bytes that are signed. */
export function encodeHeadBody(head: Omit<Head, 'v'>): Uint8Array {
  return encodeCanonical({ v: 1, ...head });
}

/** Signs a head's body. */
export function signHeadBody(signer: Signer, body: Uint8Array): Uint8Array {
  return signer.sign(signingInput('head', body));
}

/** Whether the signature is that voter's, over that body. */
export function isHeadSignature(crypto: Crypto, body: Uint8Array, sig: HeadSignature): boolean {
  return crypto.verify(sig.voter, signingInput('head', body), sig.s);
}

/** A head with its signatures; in the order of their voters, so that equal ones are equal bytes. */
export function joinSignatures(body: Uint8Array, signatures: readonly HeadSignature[]): Uint8Array {
  const sigs = [...signatures].sort((a, b) => (a.voter < b.voter ? -1 : 1));
  return encodeCanonical({ h: body, sigs: sigs.map(({ voter, s }) => ({ voter, s })) });
}
