import { beforeEach, describe, expect, it } from 'vitest';
import { BUCKET_COUNT } from '../../../../../protocols/slurp/machine/bucket.ts';
import { encodeTail } from '../../../../../protocols/slurp/snapshot/files/layout.ts';
import {
  isDamage,
  SnapshotFiles,
} from '../../../../../protocols/slurp/snapshot/files/snapshot-files.ts';
import { SnapshotWriter } from '../../../../../protocols/slurp/snapshot/files/snapshot-writer.ts';
import {
  type Block,
  encodeBlock,
  encodeList,
  type StateList,
} from '../../../../../protocols/slurp/snapshot/state-blocks.ts';
import { systemError } from '../../../../../storage/faults.ts';
import { MemoryFiles } from '../../../../../storage/files/memory-files.ts';
import { crypto, Switches } from '../../mesh-world.ts';

const { sha256 } = crypto;
const INDEX = 64;

/** Block `n`, of some size. */
const block = (n: number, bytes = 40): Block =>
  encodeBlock(sha256, n, [[`table/${n}`, new Uint8Array(bytes).fill(n)]]);

function listOf(blocks: readonly Block[], index = INDEX): StateList {
  const buckets = Array.from({ length: BUCKET_COUNT }, (_, n) => {
    const cid = blocks[n]?.cid;
    return cid === undefined ? [] : [cid];
  });
  return { index, term: 2, timeMs: 5, buckets };
}

let switches: Switches;
let store: MemoryFiles;
let files: SnapshotFiles;
const blocks = [block(0), block(1, 400 * 1024), block(2, 300 * 1024), block(3), block(4, 511_000)];

async function write(all = blocks, index = INDEX): Promise<string> {
  const writer = new SnapshotWriter(store);
  await writer.begin();
  for (const { bytes } of all) await writer.add(bytes);
  const list = listOf(all, index);
  const listed = encodeList(sha256, list);
  const tail = await writer.finish({ list, block: listed });
  files.add({ stateCid: listed.cid, list }, tail);
  return listed.cid;
}

/** As after a restart. */
async function reopened(stateCid: string, index = INDEX): Promise<SnapshotFiles> {
  const again = new SnapshotFiles({ files: store, crypto });
  const sizeBytes = (await again.reset()).get(stateCid) ?? 0;
  await again.open(stateCid, { index, sizeBytes });
  return again;
}

async function contentOf(stateCid: string): Promise<Uint8Array> {
  return (await store.read(stateCid, 0, Number.MAX_SAFE_INTEGER)) ?? new Uint8Array();
}

/** What becomes of a file with other bytes: whether it is opened, and its blocks are read. */
async function judged(stateCid: string, bytes: Uint8Array): Promise<string> {
  store.put(stateCid, bytes);
  try {
    const again = await reopened(stateCid);
    const cids = blocks.map(({ cid }) => cid);
    let at = 0;
    for await (const read of again.blocks(stateCid, cids)) {
      expect(Buffer.compare(read, blocks[at++]?.bytes ?? Buffer.of())).toBe(0);
    }
    return 'whole';
  } catch (error) {
    expect(isDamage(error), String(error)).toBe(true);
    return 'damaged';
  }
}

beforeEach(async () => {
  switches = new Switches();
  store = new MemoryFiles({ faults: switches });
  files = new SnapshotFiles({ files: store, crypto });
  await store.open();
});

describe('SnapshotFiles', () => {
  it('give back each block and the list, also after a restart', async () => {
    const stateCid = await write();
    for (const held of [files, await reopened(stateCid)]) {
      for (const { cid, bytes } of blocks) expect(await held.read(cid)).toEqual(bytes);
      const list = encodeList(sha256, listOf(blocks));
      expect(await held.read(stateCid)).toEqual(list.bytes);
      expect(await held.read(block(9).cid)).toBeUndefined();
    }
  });

  it('are opened by their end, whatever their size', async () => {
    const stateCid = await write();
    switches.hits.length = 0;
    await reopened(stateCid);
    expect(switches.hits.filter((point) => point === 'file:read')).toHaveLength(4);
  });

  it('read what lies together in one go, and not too much of it', async () => {
    const all = Array.from({ length: 300 }, (_, n) => block(n, 4_000));
    const stateCid = await write(all);
    switches.hits.length = 0;
    const cids = all.map(({ cid }) => cid).filter((_, n) => n !== 7);
    let count = 0;
    for await (const _ of files.blocks(stateCid, cids)) count++;
    expect(count).toBe(299);
    // 1.2 MB in pieces of up to 512 KiB, and a gap.
    expect(switches.hits).toEqual(Array.from({ length: 4 }, () => 'file:read'));
  });

  it('are empty for an empty state', async () => {
    const stateCid = await write([]);
    const again = await reopened(stateCid);
    expect(await again.read(stateCid)).toEqual(encodeList(sha256, listOf([])).bytes);
  });

  it('are written in pieces', async () => {
    await write();
    const writes = switches.hits.filter((point) => point === 'file:write');
    expect(writes.length).toBeGreaterThanOrEqual(3);
    expect(writes.length).toBeLessThanOrEqual(6);
  });

  it('are damaged when cut anywhere', async () => {
    const stateCid = await write();
    const whole = await contentOf(stateCid);
    for (const at of [0, 1, 15, 16, 17, 5_000, whole.length - 70_000, whole.length - 1]) {
      expect(await judged(stateCid, whole.slice(0, at)), `${at}`).toBe('damaged');
    }
    const longer = new Uint8Array(whole.length + 1);
    longer.set(whole);
    expect(await judged(stateCid, longer)).toBe('damaged');
    expect(await judged(stateCid, whole)).toBe('whole');
  });

  it('are damaged when any bit is another one', async () => {
    const stateCid = await write();
    const whole = await contentOf(stateCid);
    const end = whole.length;
    const places = [0, 8, 15, 16, 60, 100_000, 600_000, end - 60_000, end - 30, end - 20];
    for (const at of [...places, ...Array.from({ length: 14 }, (_, i) => end - 14 + i)]) {
      for (const bit of [1, 16, 128]) {
        const bytes = whole.slice();
        bytes[at] = (bytes[at] ?? 0) ^ bit;
        expect(await judged(stateCid, bytes), `${at}`).toBe('damaged');
      }
    }
  });

  it('are not believed when they say that they are large', async () => {
    const stateCid = await write();
    const whole = await contentOf(stateCid);
    const index = encodeTail({
      list: encodeList(sha256, listOf(blocks)).bytes.length,
      blocks: [40, 0xffff_ffff, 1, 1, 1],
    });
    const hostile = new Uint8Array(whole.length);
    hostile.set(whole);
    hostile.set(index, whole.length - index.length);
    expect(await judged(stateCid, hostile)).toBe('damaged');
    const footer = whole.slice();
    new DataView(footer.buffer).setUint32(footer.length - 13, 0xffff_fff0);
    expect(await judged(stateCid, footer)).toBe('damaged');
  });

  it('are not taken for those of another index', async () => {
    const stateCid = await write();
    await expect(reopened(stateCid, INDEX + 64)).rejects.toMatchObject({
      code: 'ERR_STORAGE_DAMAGED',
    });
  });

  it('tell of damage, and give the block of another file', async () => {
    const stateCid = await write();
    const second = await write([...blocks.slice(0, 4), block(5)], 2 * INDEX);
    const told: string[] = [];
    files.onDamage((cid) => {
      told.push(cid);
      files.drop(cid);
    });
    store.flip(stateCid, 16 + 30);
    expect(await files.read(blocks[0]?.cid ?? '')).toEqual(blocks[0]?.bytes);
    expect(told).toEqual([stateCid]);
    await store.remove(second);
    expect(await files.read(blocks[1]?.cid ?? '')).toBeUndefined();
    expect(told).toEqual([stateCid, second]);
  });

  it('do not take want of anything for damage, nor what is removed meanwhile', async () => {
    const stateCid = await write();
    const told: string[] = [];
    files.onDamage((cid) => told.push(cid));
    const want = Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    switches.fail('file:read', want);
    await expect(files.read(blocks[0]?.cid ?? '')).rejects.toMatchObject({
      code: 'ERR_STORAGE_IO',
    });
    switches.mend();
    const reading = files.read(blocks[0]?.cid ?? '');
    await files.remove(stateCid);
    await reading;
    expect(told).toEqual([]);
    switches.fail('file:read', systemError('EIO'));
    await write();
    expect(await files.read(blocks[0]?.cid ?? '')).toBeUndefined();
    expect(told).toHaveLength(1);
  });

  it('do not copy a block that is damaged', async () => {
    const stateCid = await write();
    store.flip(stateCid, 16 + 30);
    let count = 0;
    const copied = (async () => {
      for await (const _ of files.blocks(stateCid, [blocks[0]?.cid ?? ''])) count++;
    })();
    await expect(copied).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
    expect(count).toBe(0);
    const absent = files.blocks(stateCid, [block(9).cid]).next();
    await expect(absent).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
  });

  it('are not finished with fewer blocks than their list names', async () => {
    const writer = new SnapshotWriter(store);
    await writer.begin();
    const list = listOf(blocks);
    const whole = { list, block: encodeList(sha256, list) };
    await expect(writer.finish(whole)).rejects.toThrow(TypeError);
  });
});
