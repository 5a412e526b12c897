import { beforeEach, describe, expect, it } from 'vitest';
import type { StoreWrite } from '../../../../../protocols/interface/index.ts';
import { bucketOf } from '../../../../../protocols/slurp/machine/bucket.ts';
import { stateKey } from '../../../../../protocols/slurp/machine/stored.ts';
import {
  type SnapshotFile,
  SnapshotFiles,
} from '../../../../../protocols/slurp/snapshot/files/snapshot-files.ts';
import {
  SnapshotTaker,
  type Take,
} from '../../../../../protocols/slurp/snapshot/taking/snapshot-taker.ts';
import { systemError } from '../../../../../storage/faults.ts';
import { MemoryFiles } from '../../../../../storage/files/memory-files.ts';
import { MemoryStore } from '../../../../../storage/memory-store.ts';
import { recordLogger } from '../../../storage/record-logger.ts';
import { crypto, ManualClock, Switches } from '../../mesh-world.ts';

/** More than are looked through again with each snapshot. */
const ROWS = 40_000;

const frontier = { size: 64, peaks: [new Uint8Array(32)] };
const markAt = (index: number): Take['mark'] => ({
  ...{ index, term: 2, timeMs: 5 },
  frontier: { ...frontier, size: index },
});

const rowOf = (n: number, value: number): StoreWrite => ({
  namespace: 'state',
  key: stateKey.format('submitted', String(n).padStart(12, '0')),
  value: new Uint8Array(20).fill(value),
});

let store: MemoryStore;
let files: MemoryFiles;
let held: SnapshotFiles;
let taker: SnapshotTaker;
let stopped: AbortController;
const faults = new Switches();
const clock = new ManualClock();
const logger = recordLogger();

/** Runs to the end, as time passes. */
async function run<T>(task: Promise<T>): Promise<T> {
  let isDone = false;
  const watched = task.finally(() => {
    isDone = true;
  });
  watched.catch(() => undefined);
  while (!isDone) await clock.advance(20);
  return await watched;
}

async function take(index: number, dirty: Iterable<number>, last?: SnapshotFile) {
  const moment = store.snapshot();
  try {
    return await run(taker.take({ mark: markAt(index), moment, dirty: new Set(dirty), last }));
  } finally {
    await moment.close();
  }
}

async function contentOf({ stateCid }: SnapshotFile): Promise<Buffer> {
  const bytes = await files.read(stateCid, 0, Number.MAX_SAFE_INTEGER);
  if (bytes === undefined) throw new Error('there is no such file');
  return Buffer.from(bytes);
}

beforeEach(async () => {
  faults.mend();
  store = new MemoryStore();
  files = new MemoryFiles({ faults });
  held = new SnapshotFiles({ files, crypto });
  stopped = new AbortController();
  logger.lines.length = 0;
  taker = new SnapshotTaker({ files, crypto, clock, logger }, held, stopped.signal);
  await store.open();
  await files.open();
  await store.batch(Array.from({ length: ROWS }, (_, n) => rowOf(n, 1)));
});

describe('SnapshotTaker', () => {
  it('copies what did not change, to the same bytes as if all was encoded', async () => {
    const first = await take(64, []);
    await store.batch([rowOf(7, 2), rowOf(ROWS, 3)]);
    const dirty = [7, ROWS].map((n) => bucketOf(`submitted/${String(n).padStart(12, '0')}`));
    faults.hits.length = 0;
    const second = await take(128, dirty, first);
    // All but those that changed and those that are looked through again.
    expect(faults.hits).toContain('file:read');
    const copied = await contentOf(second);
    await held.remove(second.stateCid);
    const anew = await take(128, []);
    expect(anew.stateCid).toBe(second.stateCid);
    expect((await contentOf(anew)).equals(copied)).toBe(true);
    expect(logger.lines).toEqual([]);
  });

  it('takes over nothing that is damaged', async () => {
    const first = await take(64, []);
    const { length } = await contentOf(first);
    // Near the end: what is looked through again comes first.
    files.flip(first.stateCid, length - 300_000);
    await expect(take(128, [0], first)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
    expect((await files.list()).map(({ name }) => name)).toEqual([first.stateCid]);
    await files.remove(first.stateCid);
    await expect(take(128, [0], first)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
  });

  it('looks through what should not have changed, in turn', async () => {
    const first = await take(64, []);
    await store.batch([rowOf(7, 2)]);
    const second = await take(128, [], first);
    const third = await take(192, [], second);
    const fourth = await take(256, [], third);
    expect(fourth.list.buckets).not.toEqual(first.list.buckets);
    const said = logger.lines.map(({ message }) => message);
    expect(said).toEqual(['a part of the state changed by itself']);
  });

  it('leaves nothing behind when it is broken off, or the disk is full in the middle', async () => {
    faults.fail('file:write', systemError('ENOSPC'));
    await expect(take(64, [])).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
    faults.mend();
    const taking = take(64, []);
    stopped.abort(new Error('the node stops'));
    await expect(taking).rejects.toThrow('the node stops');
    expect(await files.list()).toEqual([]);
    taker = new SnapshotTaker({ files, crypto, clock, logger }, held, new AbortController().signal);
    expect((await take(64, [])).stateCid).toMatch(/^bafyrei/u);
  });
});
