import { makeGenesis } from '../../../bootstrap/genesis.ts';
import type { HardState, LogRecord, SeedKey, Signer } from '../../../protocols/interface/index.ts';
import { encodeProof, type TrustAnchor } from '../../../protocols/membership/index.ts';
import { type Command, encodeBatch, encodeEntry } from '../../../protocols/slurp/index.ts';
import {
  appendLeaf,
  cidOf,
  EMPTY_FRONTIER,
  encodeCanonical,
  leafHash,
  merkleRoot,
} from '../../../protocols/wire/index.ts';
import { simCrypto, simSeedKey } from '../world/crypto.ts';
import { START_MS } from '../world/process.ts';

/** Far beyond the end of any simulation. */
export const FAR_MS = START_MS + 400 * 24 * 3_600_000;

const TERM = 1;

/** The operator's recovery key. */
export const OPERATOR = simSeedKey(3_000_000);

/** A mesh with its members, as its log tells it: what every simulation begins with. */
export interface Founding {
  readonly meshId: string;
  readonly anchor: TrustAnchor;
  readonly records: readonly LogRecord[];
  readonly hardState: HardState;
}

type Change = Pick<Command, 'kind' | 'body'>;

/** Proof that the holder of an invite's key lets a peer in. */
export function memberAdd(mesh: string, peer: string, invite: SeedKey): Change {
  const proof = encodeProof(invite, { mesh, peer, expiresMs: FAR_MS });
  const body = {
    peer,
    name: 'host',
    addresses: [],
    levels: [1, 1],
    invite: invite.publicKey,
    proof,
  };
  return { kind: 'member.add', body };
}

export function inviteIssue(invite: SeedKey, uses: number): Change {
  const { publicKey: key } = invite;
  return { kind: 'invite.issue', body: { key, role: 'member', uses, expiresMs: FAR_MS } };
}

/**
 * Genesis by the first signer, all others admitted, and the first `voters` of them given a seat.
 */
export function foundMesh(signers: readonly Signer[], voters: number): Founding {
  const founder = signers[0];
  if (founder === undefined) throw new RangeError('a mesh has a founder');
  const genesis = makeGenesis({
    signer: founder,
    crypto: simCrypto,
    boot: 1,
    timeMs: START_MS,
    body: {
      name: 'simulated',
      memberName: 'n1',
      addresses: [],
      recovery: OPERATOR.publicKey,
      nonce: new Uint8Array(16),
      levels: [1, 1],
    },
  });
  const { meshId } = genesis;
  const invite = simSeedKey(1_000_000);
  const peers = signers.map(({ peer }) => peer);
  const target = voters === 1 ? 1 : voters === 3 ? 3 : 5;
  const changes: Change[] = [
    inviteIssue(invite, signers.length),
    ...peers.slice(1).map((peer) => memberAdd(meshId, peer, invite)),
    { kind: 'mesh.settings', body: { votersTarget: target } },
  ];
  const seats = { term: TERM, voters: peers.slice(0, voters), learners: [] };
  const batches = [changes, [{ kind: 'voter.change', body: seats }]].map((list, i) =>
    batchOf(founder, meshId, { seq: 2 + i, changes: list }),
  );
  const entries = batches.map((batch, i) =>
    encodeEntry({ index: 2 + i, term: TERM, timeMs: START_MS, batch }),
  );
  const records = [genesis.entry, ...entries].map((bytes, i) => ({
    index: i + 1,
    term: TERM,
    bytes,
  }));
  const leaf = appendLeaf(
    simCrypto.sha256,
    EMPTY_FRONTIER,
    leafHash(simCrypto.sha256, genesis.entry),
  );
  const anchor = { index: 1, root: merkleRoot(simCrypto.sha256, leaf), voters: [founder.peer] };
  return { meshId, anchor, records, hardState: { term: TERM, vote: founder.peer, commit: 3 } };
}

function batchOf(
  signer: Signer,
  mesh: string,
  { seq, changes }: { readonly seq: number; readonly changes: readonly Change[] },
): Uint8Array {
  const commands = changes.map((change, i) => ({
    ...change,
    id: cidOf(simCrypto.sha256, encodeCanonical(['founding', signer.peer, seq, i])),
    actor: { peer: signer.peer },
    timeMs: START_MS,
  }));
  return encodeBatch(signer, { mesh, boot: 1, seq, commands });
}
