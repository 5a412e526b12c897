import { describe, expect, it } from 'vitest';
import { LogTail } from '../../../../protocols/slurp/log/log-tail.ts';
import {
  appendLeaf,
  EMPTY_FRONTIER,
  leafHash,
  type MerkleFrontier,
} from '../../../../protocols/wire/index.ts';
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
  settle,
} from '../mesh-world.ts';

const batches = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => batchOf(founder, { seq: from + i }, [rename(`n${i}`)]));

const frontierOf = (records: readonly { readonly bytes: Uint8Array }[]): MerkleFrontier =>
  records.reduce<MerkleFrontier>(
    (frontier, { bytes }) => appendLeaf(crypto.sha256, frontier, leafHash(crypto.sha256, bytes)),
    EMPTY_FRONTIER,
  );

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

  it('leaves the hashes of its entries to whoever applies them', async () => {
    const machine = await Machine.open();
    let hashes = 0;
    const sha256 = (bytes: Uint8Array): Uint8Array => {
      hashes++;
      return crypto.sha256(bytes);
    };
    const tail = new LogTail({ log: machine.log, crypto: { ...crypto, sha256 } });
    await tail.load(EMPTY_FRONTIER);
    const records = recordsOf(batches(2, 9));
    hashes = 0;
    await tail.persist(records, { term: 1, vote: null, commit: 10 });
    tail.reached(frontierOf([GENESIS, ...records.slice(0, 7)]));
    // An older one, as after a mark that took its time, takes nothing back.
    tail.reached(frontierOf([GENESIS]));
    expect([tail.index, hashes]).toEqual([10, 0]);
    expect(tail.root()).toEqual(rootOf([GENESIS, ...records]));
    tail.reached(frontierOf([GENESIS, ...records]));
    expect(tail.root()).toEqual(rootOf([GENESIS, ...records]));
    await tail.truncateFrom(10, frontierOf([GENESIS]));
    expect(tail.root()).toEqual(rootOf([GENESIS, ...records.slice(0, 8)]));
  });

  it('does not hold all that is not applied for long', async () => {
    const { tail } = await open();
    const records = recordsOf(batches(2, 300));
    await tail.persist(records, { term: 1, vote: null, commit: 1 });
    expect(tail.index).toBe(301);
    tail.reached(frontierOf([GENESIS, ...records.slice(0, 5)]));
    expect(tail.index).toBe(301);
    expect(tail.root()).toEqual(rootOf([GENESIS, ...records]));
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

  it('takes more than a log does at once, in pieces that follow each other', async () => {
    const { machine, tail } = await open();
    const large = Array.from({ length: 5 * 32 }, (_, i) => {
      const index = 2 + i;
      return { index, term: 5, bytes: new Uint8Array(32 * 1024).fill(i) };
    });
    const append = machine.log.append.bind(machine.log);
    const commits: number[] = [];
    machine.log.append = async (records, hardState) => {
      commits.push(hardState?.commit ?? -1);
      await append(records, hardState);
    };
    await tail.persist(large, { term: 6, vote: founder.peer, commit: 66 });
    expect([tail.index, tail.term, machine.log.lastIndex]).toEqual([161, 6, 161]);
    expect(machine.log.hardState).toEqual({ term: 6, vote: founder.peer, commit: 66 });
    expect(tail.root()).toEqual(rootOf([GENESIS, ...large]));
    // Of none of them the disk says that more is committed than it has.
    expect(commits).toEqual([65, 66, 66]);
  });

  it('counts nothing twice that it finds at its end before it hears of the write', async () => {
    const { machine } = await open();
    let told = (): void => undefined;
    const hearing = new Promise<void>((resolve) => {
      told = resolve;
    });
    const { log } = machine;
    const append = log.append.bind(log);
    log.append = async (...args) => {
      await append(...args);
      await hearing;
    };
    const late = new LogTail({ log, crypto });
    await late.load(EMPTY_FRONTIER);
    const records = recordsOf(batches(2, 3));
    const writing = late.persist(records, { term: 2, vote: null, commit: 1 });
    await settle();
    await late.load(EMPTY_FRONTIER);
    told();
    await writing;
    expect(late.index).toBe(4);
    expect(late.root()).toEqual(rootOf([GENESIS, ...records]));
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
