import { type KeyValueStore, type StateReader, voterSetKey } from '../../../interface/index.ts';
import { pendingLink } from '../../machine/stored.ts';

/**
 * The root of the log right after a change of voters, as it was put down when that entry was
 * applied here.
 *
 * @returns undefined when no change stands at that index, or its entry was not applied by this node
 * @throws CooeeError ERR_WIRE_* when it is damaged, ERR_STORAGE_*
 */
export async function linkRoot(
  store: KeyValueStore,
  state: StateReader,
  index: number,
): Promise<Uint8Array | undefined> {
  // The youngest first: it is nearly always one of the last.
  for (let n = state.size('voterset'); n > 1; n--) {
    const row = state.get('voterset', voterSetKey(n));
    if (row === undefined || row.index < index) return undefined;
    if (row.index > index) continue;
    const bytes = await store.get('head', pendingLink.key(n));
    return bytes === undefined ? undefined : pendingLink.decode(bytes).root;
  }
  return undefined;
}
