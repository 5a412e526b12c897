import { describe, expect, it } from 'vitest';
import type { Ready } from '../../../../protocols/raft/index.ts';
import { coreInitOf, heldBefore } from '../../../../protocols/slurp/driver/raft-entries.ts';
import {
  batchOf,
  founder,
  GENESIS,
  Machine,
  recordsOf,
  rename,
  second,
  third,
} from '../mesh-world.ts';
import { RaftNode, RaftWorld } from './raft-world.ts';

const entry = (index: number) => ({ index, term: 3, bytes: new Uint8Array([1]) });
const ready = (asked: Partial<Ready>): Ready => ({
  ...{ entries: [], messagesNow: [], messagesAfter: [], commit: 9 },
  ...{ reads: [], isProposalDropped: false, ...asked },
});

describe('heldBefore', () => {
  it('is what lies before the entries that are to be written', () => {
    expect(heldBefore(ready({ entries: [entry(7), entry(8)] }))).toBe(6);
  });

  it('is what lies before the cut, where the log holds other entries still', () => {
    expect(heldBefore(ready({ truncateFrom: 5 }))).toBe(4);
    expect(heldBefore(ready({ truncateFrom: 5, entries: [entry(5)] }))).toBe(4);
  });

  it('is everything when neither entries are written nor any cut', () => {
    expect(heldBefore(ready({}))).toBe(Number.POSITIVE_INFINITY);
  });
});

const batches = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) =>
    batchOf(founder, { seq: from + i }, [rename(`name ${from + i}`)]),
  );

/** A log of 20 entries, of which 15 are committed; from the 11th on they are of term 4. */
async function held(): Promise<Machine> {
  const machine = await Machine.open();
  const { log, meshLog } = machine;
  const records = [...recordsOf(batches(2, 10)), ...recordsOf(batches(11, 20), 11, { term: 4 })];
  await log.append(records, { term: 5, vote: second.peer, commit: 15 });
  await meshLog.reopenLog();
  return machine;
}

/** Further than snapshots of a small state are apart, nearer than those of a large one. */
const BEHIND = 20_000;
/** What a log takes. */
const AT_ONCE = 5_000;

/** Entries that all have the same batch: only the first of them counts. */
async function append({ machine }: RaftNode, count: number): Promise<void> {
  const { log, meshLog } = machine;
  const batch = batchOf(founder, { seq: 1_000 }, [rename('again')]);
  for (let left = count; left > 0; left -= AT_ONCE) {
    const batches = Array(Math.min(left, AT_ONCE)).fill(batch);
    await log.append(recordsOf(batches, log.lastIndex + 1));
  }
  await log.append([], { term: 2, vote: null, commit: log.lastIndex });
  await meshLog.reopenLog();
}

const termsOf = ({ log }: Awaited<ReturnType<typeof coreInitOf>>['init']) =>
  log.map(({ term }) => term);

describe('coreInitOf', () => {
  it('knows all that the disk holds, applied or not', async () => {
    const { meshLog } = await held();
    const { init } = await coreInitOf(meshLog);
    expect(init).toMatchObject({
      ...{ base: { index: 0, term: 0 }, configurationIndex: 1 },
      ...{ hardState: { term: 5, vote: second.peer, commit: 15 } },
    });
    expect(termsOf(init)).toEqual([GENESIS.term, ...Array(9).fill(2), ...Array(10).fill(4)]);
  });

  it('begins with the first entry of a log that was compacted', async () => {
    const { log, meshLog } = await held();
    await log.compactBefore(8);
    const { init } = await coreInitOf(meshLog);
    expect(init.base).toEqual({ index: 8, term: 2 });
    expect(termsOf(init)).toEqual([...Array(2).fill(2), ...Array(10).fill(4)]);
  });

  it('begins with what is applied where the log begins behind it', async () => {
    const { log, meshLog } = await held();
    await log.compactBefore(16);
    const { init } = await coreInitOf(meshLog);
    expect(init.base).toEqual({ index: 15, term: 4 });
    expect(termsOf(init)).toEqual(Array(5).fill(4));
  });

  it('begins with the snapshot that its log begins behind, though more is applied', async () => {
    const { log, meshLog } = await held();
    await log.compactBefore(13);
    const asked: number[] = [];
    const { init } = await coreInitOf(meshLog, (index) => {
      asked.push(index);
      return 4;
    });
    expect([asked, init.base]).toEqual([[12], { index: 12, term: 4 }]);
    expect(termsOf(init)).toEqual(Array(8).fill(4));
    // Of another index, or forgotten.
    const { init: without } = await coreInitOf(meshLog, () => undefined);
    expect(without.base).toEqual({ index: 13, term: 4 });
  });

  it('lets leaders that were restarted help a voter that is far behind', async () => {
    const world = new RaftWorld();
    const signers = [founder, second, third];
    for (const signer of signers) {
      const node = new RaftNode(world, signer);
      world.nodes.set(signer.peer, node);
      await node.boot(signers);
      await append(node, signer === third ? 50 : 50 + BEHIND);
    }
    for (const node of world.nodes.values()) await node.start();
    const leader = await world.leader();
    const late = world.nodes.get(third.peer);
    await world.until(() => late?.machine.meshLog.appliedIndex === leader.machine.log.lastIndex);
    // With one of the others gone it takes the one that was behind.
    [...world.nodes.values()].find((it) => it !== leader && it !== late)?.kill();
    const done = leader.submit(rename('by two'));
    await world.pass(2_000);
    expect(await done).toBeGreaterThan(BEHIND);
    await world.stop();
  });
});
