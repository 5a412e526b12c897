import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { copyStores } from '../../../../daemon/backup/copy-stores.ts';
import { type LogRecord, silentLogger } from '../../../../protocols/interface/index.ts';
import { LevelStore } from '../../../../storage/level-store.ts';
import { SegmentLog } from '../../../../storage/segment-log.ts';

// Goal: the copy is what a node would find after a crash at one moment, also while it is written
// to and compacted.

const root = mkdtempSync(join(tmpdir(), 'cooee-copy-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const entry = (index: number): LogRecord => ({
  index,
  term: 2,
  bytes: new Uint8Array(300).fill(index),
});
const value = (text: string): Uint8Array => new TextEncoder().encode(text);

async function stores(name: string) {
  const log = new SegmentLog(
    { logger: silentLogger },
    { directory: join(root, name, 'log'), segmentBytes: 64 * 1024 },
  );
  const store = new LevelStore({}, { directory: join(root, name, 'store') });
  await log.open();
  await store.open();
  return { log, store };
}

async function reopened(name: string) {
  const log = new SegmentLog({ logger: silentLogger }, { directory: join(root, name, 'log') });
  const store = new LevelStore({}, { directory: join(root, name, 'store') });
  await log.open();
  await store.open();
  return { log, store };
}

const rest = { logger: silentLogger, signal: new AbortController().signal };

const targets = (name: string) => ({
  log: join(root, name, 'log'),
  store: join(root, name, 'store'),
});

describe('a copy of the stores', () => {
  it('has what is committed, the state of one moment, and the hard state', async () => {
    const { log, store } = await stores('a');
    await log.append([1, 2, 3, 4].map(entry), { term: 2, vote: 'me', commit: 3 });
    await log.mark('lost-state', 2);
    await store.batch([
      { namespace: 'state', key: 'x', value: value('1') },
      { namespace: 'outbox', key: 'y', value: value('2') },
    ]);
    await copyStores({ log, store, commitIndex: () => 3, ...rest }, targets('a-copy'));
    await Promise.all([log.close(), store.close()]);
    const copy = await reopened('a-copy');
    expect([copy.log.firstIndex, copy.log.lastIndex, copy.log.hardState]).toEqual([
      1,
      3,
      { term: 2, vote: 'me', commit: 3 },
    ]);
    expect([...copy.log.marks]).toEqual([['lost-state', 2]]);
    expect(await copy.log.read(1, 9, 9_999)).toEqual([1, 2, 3].map(entry));
    expect(await copy.store.get('outbox', 'y')).toEqual(value('2'));
    await Promise.all([copy.log.close(), copy.store.close()]);
  });

  it('is never behind its state, and copes with a compacted log, under load', async () => {
    const { log, store } = await stores('b');
    let applied = 0;
    let isDone = false;
    const write = async (): Promise<void> => {
      while (!isDone && applied < 3_000) {
        const index = applied + 1;
        await log.append([entry(index)], { term: 2, vote: null, commit: index });
        await store.batch([{ namespace: 'meta', key: 'applied', value: value(String(index)) }]);
        applied = index;
        if (index % 400 === 0) await log.compactBefore(index - 50);
      }
    };
    const writing = write();
    while (applied < 500) await new Promise((wake) => setImmediate(wake));
    for (const name of ['b-1', 'b-2', 'b-3']) {
      await copyStores({ log, store, commitIndex: () => log.lastIndex, ...rest }, targets(name));
    }
    isDone = true;
    await writing;
    await Promise.all([log.close(), store.close()]);
    for (const name of ['b-1', 'b-2', 'b-3']) {
      const copy = await reopened(name);
      const found = Number(new TextDecoder().decode(await copy.store.get('meta', 'applied')));
      expect(found).toBeGreaterThanOrEqual(500);
      expect(copy.log.lastIndex).toBeGreaterThanOrEqual(found);
      expect(copy.log.firstIndex).toBeLessThanOrEqual(found + 1);
      const last = await copy.log.read(copy.log.lastIndex, 1, 999);
      expect(last).toEqual([entry(copy.log.lastIndex)]);
      await Promise.all([copy.log.close(), copy.store.close()]);
    }
  });
});
