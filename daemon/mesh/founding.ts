import { GENESIS_TERM, makeGenesis } from '../../bootstrap/genesis.ts';
import type { Clock, Crypto, LogStore, Random, Signer } from '../../protocols/interface/index.ts';
import {
  appendLeaf,
  EMPTY_FRONTIER,
  leafHash,
  merkleRoot,
  toHex,
} from '../../protocols/wire/index.ts';
import { seedKey } from '../system/crypto.ts';
import { LEVELS } from '../system/version.ts';
import type { MeshFile } from './mesh-folder.ts';

/** What {@link foundMesh} works with. */
export interface FoundingComponents {
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  /** An empty log. */
  readonly log: LogStore;
}

/** A mesh of one. */
export interface FoundedMesh {
  readonly file: MeshFile;
  /** The operator recovery key: a secret that only the operator keeps. */
  readonly recoverySeed: Uint8Array;
}

/**
 * Makes a mesh of one: writes the first entry into the log. The caller keeps the file, last of all.
 */
export async function foundMesh(
  components: FoundingComponents,
  init: { readonly name: string; readonly boot: number },
): Promise<FoundedMesh> {
  const { signer, crypto, clock, random, log } = components;
  const recoverySeed = random.bytes(32);
  const { meshId, entry } = makeGenesis({
    signer,
    crypto,
    boot: init.boot,
    timeMs: clock.nowMs(),
    body: {
      name: init.name,
      memberName: init.name,
      addresses: [],
      recovery: seedKey(recoverySeed).publicKey,
      nonce: random.bytes(16),
      levels: [...LEVELS],
    },
  });
  const record = { index: 1, term: GENESIS_TERM, bytes: entry };
  await log.append([record], { term: GENESIS_TERM, vote: signer.peer, commit: 1 });
  const { sha256 } = crypto;
  const root = merkleRoot(sha256, appendLeaf(sha256, EMPTY_FRONTIER, leafHash(sha256, entry)));
  const file: MeshFile = {
    mesh: meshId,
    state: 'member',
    anchor: { index: 1, root: toHex(root), voters: [signer.peer] },
    vouched: [],
    admittedIndex: 1,
    invite: null,
  };
  return { file, recoverySeed };
}
