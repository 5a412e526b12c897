import type { KeyValueStore } from '../../interface/index.ts';
import { encodeCanonical } from '../../wire/index.ts';
import { decodeBatch } from '../machine/codec.ts';

/** Where a home keeps the first batch of the log, in the namespace `head`. */
export const GENESIS_KEY = 'genesis';

/** Where one keeps it that came when the first batch was compacted, as another member told it. */
export const TOLD_GENESIS_KEY = 'genesis-told';

/**
 * What the mesh id is the CID of, out of the first batch of the log, or as another member told it;
 * undefined when this node has neither.
 *
 * @throws CooeeError ERR_WIRE_*, ERR_STORAGE_*
 */
export async function genesisOf(store: KeyValueStore): Promise<Uint8Array | undefined> {
  const told = await store.get('head', TOLD_GENESIS_KEY);
  if (told !== undefined) return told;
  const bytes = await store.get('head', GENESIS_KEY);
  if (bytes === undefined) return undefined;
  const { origin, commands } = decodeBatch(bytes).value;
  return encodeCanonical({ v: 1, ...commands[0]?.body, peer: origin });
}
