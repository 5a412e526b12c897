import {
  CooeeError,
  type Crypto,
  type KeyValueStore,
  type LogStore,
  type StoreWrite,
} from '../../interface/index.ts';
import { peakWrites } from '../log/tiles.ts';
import { appliedRecord, stateKey } from '../machine/stored.ts';
import { readBlock } from './fetching/block-fetcher.ts';
import { INSTALL_KEY, type SnapshotRecord, snapshotRecord } from './records.ts';
import { decodeBlock, decodeList, type StateList } from './state-blocks.ts';

/** Rows of the old state that are deleted with one batch. */
const DELETED_AT_ONCE = 1_024;

/** The stores in which a snapshot takes the place of what is there. */
export interface InstallComponents {
  readonly store: KeyValueStore;
  readonly log: LogStore;
  readonly crypto: Crypto;
}

/**
 * The list of a snapshot's blocks.
 *
 * @throws CooeeError ERR_SLURP_SNAPSHOT when it is not here; ERR_WIRE_MALFORMED when it is of
 * another index; ERR_STORAGE_*
 */
export async function readList(
  components: Pick<InstallComponents, 'store' | 'crypto'>,
  of: { readonly stateCid: string; readonly index: number },
): Promise<StateList> {
  const list = decodeList(await blockOf(components, of.stateCid));
  if (list.index === of.index) return list;
  throw new CooeeError('ERR_WIRE_MALFORMED', 'the list is of another index than its head');
}

/**
 * Makes a snapshot, all of whose blocks are in the store, the state of this node, and lets the log
 * begin behind it. From the marker on, which is written first, there is no way back: after a crash
 * {@link mendInstall} does the same again, to the same end.
 *
 * @throws CooeeError ERR_STORAGE_*: do it again once the store was opened again; ERR_SLURP_SNAPSHOT
 * when a block is missing or damaged
 */
export async function installState(
  components: InstallComponents,
  record: SnapshotRecord,
): Promise<void> {
  const { store } = components;
  const marker = { namespace: 'snapshot', key: INSTALL_KEY } as const;
  await store.batch([{ ...marker, value: snapshotRecord.encode(record) }], { sync: true });
  // Without its mark what there is of a state counts for nothing.
  await store.batch([{ namespace: 'meta', key: 'applied' }]);
  await wipe(store);
  await fill(components, record);
  await cutLog(components.log, record);
  const { index, frontier, timeMs, term } = record;
  const applied = appliedRecord.encode({ frontier, timeMs, term });
  const writes: StoreWrite[] = [
    { namespace: 'meta', key: 'applied', value: applied },
    marker,
    {
      namespace: 'snapshot',
      key: snapshotRecord.key(index),
      value: snapshotRecord.encode(record),
    },
    ...(await missingPeaks(store, record)),
  ];
  await store.batch(writes, { sync: true });
}

/**
 * Finishes what an earlier start began: to be called before the log of the mesh is opened.
 *
 * @returns whether there was something to finish
 * @throws CooeeError ERR_STORAGE_DAMAGED when the snapshot is damaged; ERR_STORAGE_*
 */
export async function mendInstall(components: InstallComponents): Promise<boolean> {
  const bytes = await components.store.get('snapshot', INSTALL_KEY);
  if (bytes === undefined) return false;
  try {
    await installState(components, snapshotRecord.decode(bytes));
  } catch (error) {
    if (!(error instanceof CooeeError) || error.code.startsWith('ERR_STORAGE_')) throw error;
    throw new CooeeError('ERR_STORAGE_DAMAGED', 'the snapshot that was begun is damaged', {
      cause: error,
    });
  }
  return true;
}

/**
 * Forgets the state, so that the log is applied from its beginning. @throws CooeeError
 * ERR_STORAGE_*
 */
export async function forgetState(store: KeyValueStore): Promise<void> {
  await store.batch([{ namespace: 'meta', key: 'applied' }], { sync: true });
  await wipe(store);
}

async function wipe(store: KeyValueStore): Promise<void> {
  let writes: StoreWrite[] = [];
  for await (const [key] of store.entries('state', { isKeysOnly: true })) {
    writes.push({ namespace: 'state', key });
    if (writes.length < DELETED_AT_ONCE) continue;
    await store.batch(writes);
    writes = [];
  }
  await store.batch(writes);
}

async function fill(components: InstallComponents, record: SnapshotRecord): Promise<void> {
  const { buckets } = await readList(components, record);
  for (const [bucket, cids] of buckets.entries()) {
    for (const cid of cids) {
      const rows = decodeBlock(await blockOf(components, cid), bucket);
      await components.store.batch(
        rows.map(([name, value]) => ({ namespace: 'state', key: stateKey.ofName(name), value })),
      );
    }
  }
}

/** What audit paths over the entries before need, where this node has not seen them itself. */
async function missingPeaks(
  store: KeyValueStore,
  { frontier }: SnapshotRecord,
): Promise<StoreWrite[]> {
  const missing: StoreWrite[] = [];
  for (const write of peakWrites(frontier)) {
    if ((await store.get('tile', write.key)) === undefined) missing.push(write);
  }
  return missing;
}

/** What lies behind the snapshot stays only when it is sure to follow from it. */
async function cutLog(log: LogStore, { index, term }: SnapshotRecord): Promise<void> {
  if (log.firstIndex > index + 1) {
    throw new CooeeError('ERR_SLURP_SNAPSHOT', 'the log begins behind the snapshot');
  }
  const isOther = log.lastIndex >= index && log.firstIndex <= index && log.termOf(index) !== term;
  if (isOther) {
    // Only an epoch's end takes back what was committed, and then nobody votes. Else this would
    // write a vote that is not the newest any more: those that wait for the disk are not seen here.
    if (log.hardState.commit > index) await log.append([], { ...log.hardState, commit: index });
    await log.truncateFrom(index);
  }
  if (log.lastIndex < index) await log.compactBefore(index + 1);
}

async function blockOf(
  components: Pick<InstallComponents, 'store' | 'crypto'>,
  cid: string,
): Promise<Uint8Array> {
  const bytes = await readBlock(components, cid);
  if (bytes !== undefined) return bytes;
  throw new CooeeError('ERR_SLURP_SNAPSHOT', 'a block is missing or damaged', {
    details: { cid },
  });
}
