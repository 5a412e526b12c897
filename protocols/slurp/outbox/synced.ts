import type { KeyValueStore, StoreWrite } from '../../interface/index.ts';

/**
 * On the disk when it resolves. A failed store acknowledges nothing until it was opened again.
 *
 * @throws CooeeError ERR_STORAGE_*: what the disk holds of it is unknown
 */
export async function writeSynced(
  store: KeyValueStore,
  writes: readonly StoreWrite[],
): Promise<void> {
  if (store.status === 'failed') await store.open();
  await store.batch(writes, { sync: true });
}
