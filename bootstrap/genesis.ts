import type { z } from 'zod';
import type { Crypto, Signer } from '../protocols/interface/index.ts';
import { type genesisBody, meshIdOf } from '../protocols/membership/index.ts';
import { encodeBatch, encodeEntry } from '../protocols/slurp/index.ts';
import { cidOf, encodeCanonical } from '../protocols/wire/index.ts';

/** What a new mesh is made of. */
export interface GenesisInit {
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly boot: number;
  readonly timeMs: number;
  readonly body: z.input<typeof genesisBody>;
}

/** A new mesh: its id and the first entry of its log. */
export interface Genesis {
  readonly meshId: string;
  readonly entry: Uint8Array;
}

/** The first term: the maker of a mesh has nobody to be elected by. */
export const GENESIS_TERM = 1;

/** The number of the batch that makes a mesh; the outbox goes on behind it. */
export const GENESIS_SEQ = 1;

/**
 * Makes a mesh out of nothing: the id names the genesis, so a log that begins otherwise is another
 * mesh's.
 */
export function makeGenesis(init: GenesisInit): Genesis {
  const { signer, crypto, boot, timeMs, body } = init;
  const meshId = meshIdOf(crypto.sha256, { body, peer: signer.peer });
  const batch = encodeBatch(signer, {
    mesh: meshId,
    boot,
    seq: GENESIS_SEQ,
    commands: [
      {
        id: cidOf(crypto.sha256, encodeCanonical(['genesis', meshId])),
        kind: 'mesh.genesis',
        actor: { peer: signer.peer },
        timeMs,
        body: { ...body },
      },
    ],
  });
  return { meshId, entry: encodeEntry({ index: 1, term: GENESIS_TERM, timeMs, batch }) };
}
