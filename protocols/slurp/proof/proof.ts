import { z } from 'zod';
import { CooeeError, type Crypto, type ErrorDetails, isCooeeError } from '../../interface/index.ts';
import type { TrustAnchor } from '../../membership/index.ts';
import {
  cidOf,
  cidText,
  encodeCanonical,
  equalBytes,
  isInTree,
  leafHash,
} from '../../wire/index.ts';
import { electorateAt, type VoterSet, verifyHead } from '../heads/head-rules.ts';
import { followChain } from '../heads/trust-chain.ts';
import {
  type Batch,
  decodeBatch,
  decodeEntry,
  decodeHead,
  type Entry,
  isBatchSigned,
  type SignedHead,
} from '../machine/codec.ts';
import { fromBase64 } from './base64.ts';

/** Links in one proof; a mesh with more changes of voters needs a later anchor. */
export const PROOF_LINKS_MAX = 1_024;

const base64 = (bytesMax: number) =>
  z
    .string()
    .max(Math.ceil(bytesMax / 3) * 4)
    .regex(/^[A-Za-z0-9+/]*={0,2}$/);

const HEAD_CHARS_BYTES = 4 * 1024;

/** The file that `GET /v1/proof/{index}` gives and `cooee verify` takes. */
export const proofSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('cooee-proof').describe('What this file is'),
  mesh: cidText.describe('Id of the mesh: the CID of its genesis'),
  index: z.int().min(1).describe('Which entry of the log is proved'),
  entry: base64(65 * 1024).describe('The entry, canonical dag-cbor, base64'),
  path: z
    .array(base64(32))
    .max(64)
    .describe('Audit path of the entry in the tree of the head (RFC 6962, section 2.1.1), base64'),
  head: base64(HEAD_CHARS_BYTES).describe('Head, signed by a majority of the voters, base64'),
  links: z
    .array(base64(HEAD_CHARS_BYTES))
    .max(PROOF_LINKS_MAX)
    .describe('Links of the trust chain by rising index, each a signed head, base64'),
  genesis: base64(65 * 1024)
    .optional()
    .describe(
      'The first batch of the log: it names the first voter, and the mesh id is made of it',
    ),
});

/** See {@link proofSchema}. */
export type Proof = z.output<typeof proofSchema>;

/** What a proof shows. */
export interface Proved {
  readonly entry: Entry;
  readonly batch: Batch;
  readonly head: SignedHead['head'];
  /** How many voters signed the head, and how many there were. */
  readonly signatureCount: number;
  readonly voterCount: number;
  /**
   * False when it was followed from genesis alone: old keys that leaked may have made all of it.
   */
  readonly isAnchored: boolean;
}

/**
 * Verifies a proof without anybody's help: the entry is in the tree of the head, its batch is
 * signed by its origin, and the head by a majority of the voters to whom the chain leads from the
 * anchor, or without one from genesis.
 *
 * @throws CooeeError ERR_SLURP_PROOF with details.reason: `malformed`, `mesh`, `index`, `batch`,
 * `path`, `genesis`, `anchor`, `old`, or one of HeadRefusal
 */
export function verifyProof(crypto: Crypto, json: unknown, anchor?: TrustAnchor): Proved {
  const parsed = proofSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = issue?.path.join('.') ?? '';
    throw refuseProof('malformed', `it is not a proof: ${path} ${issue?.message ?? ''}`);
  }
  try {
    return verifyParsed(crypto, parsed.data, anchor);
  } catch (error) {
    throw asRefusal(error);
  }
}

function verifyParsed(crypto: Crypto, proof: Proof, anchor: TrustAnchor | undefined): Proved {
  const signed = decodeHead(fromBase64(proof.head));
  const { head } = signed;
  if (head.mesh !== proof.mesh) throw refuseProof('mesh', 'the head is of another mesh');
  const start: VoterSet = anchor ?? genesisVoters(crypto, proof);
  const sets = chainSets(crypto, proof, start);
  if (head.index < start.index) {
    throw refuseProof('old', 'the head is older than the anchor: ask for a new proof');
  }
  if (anchor !== undefined && head.index === anchor.index && !equalBytes(head.root, anchor.root)) {
    throw refuseProof('anchor', 'the head has another root than the anchor');
  }
  const electorate = electorateAt(sets, head.index);
  verifyHead(crypto, signed, { mesh: proof.mesh, epoch: electorate.epoch, electorate });
  const { entry, batch } = verifyEntry(crypto, proof, signed);
  return {
    entry,
    batch,
    head,
    signatureCount: signed.signatures.length,
    voterCount: electorate.signers.length,
    isAnchored: anchor !== undefined,
  };
}

/** All voters on the way from the start up to the head. */
function chainSets(crypto: Crypto, proof: Proof, start: VoterSet): VoterSet[] {
  const { index, voters, epoch } = start;
  const set: VoterSet = { index, voters, epoch };
  const links = proof.links.map(fromBase64);
  const followed = followChain(crypto, { mesh: proof.mesh, epoch, set }, links);
  return [set, ...followed.links.map((link) => link.set)];
}

function verifyEntry(crypto: Crypto, proof: Proof, { head }: SignedHead) {
  const bytes = fromBase64(proof.entry);
  const entry = decodeEntry(bytes);
  if (entry.index !== proof.index) throw refuseProof('index', 'it is another entry');
  const batch = decodeBatch(entry.batch);
  if (batch.value.mesh !== proof.mesh) throw refuseProof('mesh', 'the batch is of another mesh');
  if (!isBatchSigned(crypto, batch)) {
    throw refuseProof('batch', 'the batch is not signed by its origin');
  }
  const leaf = { hash: leafHash(crypto.sha256, bytes), index: entry.index - 1 };
  const tree = { size: head.index, root: head.root };
  if (!isInTree(crypto.sha256, leaf, proof.path.map(fromBase64), tree)) {
    throw refuseProof('path', 'the entry is not in the log that the head speaks of');
  }
  return { entry, batch: batch.value };
}

/** The mesh id is the CID of its genesis and of the peer that made it: that one voted first. */
function genesisVoters(crypto: Crypto, proof: Proof): VoterSet {
  if (proof.genesis === undefined) {
    throw refuseProof('genesis', 'it holds no genesis: give an anchor');
  }
  const signed = decodeBatch(fromBase64(proof.genesis));
  const batch = signed.value;
  const [command] = batch.commands;
  const isGenesis = command?.kind === 'mesh.genesis' && isBatchSigned(crypto, signed);
  const named = { v: 1, ...command?.body, peer: batch.origin };
  if (!isGenesis || cidOf(crypto.sha256, encodeCanonical(named)) !== proof.mesh) {
    throw refuseProof('genesis', 'the genesis is not the one that the mesh id names');
  }
  return { index: 1, voters: [batch.origin], epoch: 0 };
}

function refuseProof(reason: string, message: string, details: ErrorDetails = {}): CooeeError {
  return new CooeeError('ERR_SLURP_PROOF', `the proof is refused: ${message}`, {
    details: { reason, ...details },
  });
}

function asRefusal(error: unknown): unknown {
  if (!isCooeeError(error) || error.code === 'ERR_SLURP_PROOF') return error;
  const reason =
    error.code === 'ERR_SLURP_HEAD' ? String(error.details['reason']) : ('malformed' as const);
  return refuseProof(reason, error.message, { code: error.code });
}
