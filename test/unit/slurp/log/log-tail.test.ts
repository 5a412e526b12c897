import { describe, expect, it } from 'vitest';
import { LogTail } from '../../../../protocols/slurp/log/log-tail.ts';
import { EMPTY_FRONTIER } from '../../../../protocols/wire/index.ts';
import {
  batchOf,
  codeOf,
  crypto,
  founder,
  GENESIS,
  Machine,
  recordsOf,
  rename,
  rootOf,
} from '../mesh-world.ts';

const batches = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => batchOf(founder, { seq: from + i }, [rename(`n${i}`)]));

async function open() {
  const machine = await Machine.open();
  const tail = new LogTail({ log: machine.log, crypto });
  await tail.load(EMPTY_FRONTIER);
  return { machine, tail };
}

describe('LogTail', () => {
  it('has the root of all that is held, before and after it is opened again', async () => {
    const { machine, tail } = await open();
    expect([tail.index, tail.term]).toEqual([1, 1]);
    const records = recordsOf(batches(2, 100), 2, { term: 5 });
    const roots = tail.rootsWith(records.map(({ bytes }) => bytes));
    await tail.persist(records, { term: 6, vote: null, commit: 1 });
    expect([tail.index, tail.term]).toEqual([101, 6]);
    expect(tail.root()).toEqual(rootOf([GENESIS, ...records]));
    expect(roots.at(-1)).toEqual(tail.root());
    const again = new LogTail({ log: machine.log, crypto });
    await again.load(EMPTY_FRONTIER);
    expect(again.root()).toEqual(tail.root());
    expect(again.term).toBe(6);
  });

  it('forgets what is cut, in memory and on the disk, and goes on from there', async () => {
    const { tail } = await open();
    const first = recordsOf(batches(2, 5));
    await tail.persist(first, { term: 2, vote: null, commit: 1 });
    await tail.truncateFrom(4, EMPTY_FRONTIER);
    expect(tail.index).toBe(3);
    const other = recordsOf(batches(50, 2), 4, { term: 3 });
    await tail.persist(other, { term: 3, vote: null, commit: 1 });
    const all = [GENESIS, ...first.slice(0, 2), ...other];
    expect(tail.root()).toEqual(rootOf(all));
    expect(await tail.read(1, 10, 1e6)).toEqual(all);
  });

  it('cuts nothing that is applied', async () => {
    const { machine, tail } = await open();
    const applied = machine.meshLog.frontierAt(1) ?? EMPTY_FRONTIER;
    expect(await codeOf(tail.truncateFrom(1, applied))).toBe('ERR_STORAGE_SEQUENCE');
    expect(tail.index).toBe(1);
  });

  it('says so when an entry is not there', async () => {
    const { tail } = await open();
    expect(await codeOf(tail.readRun(2, 1))).toBe('ERR_STORAGE_DAMAGED');
  });
});
