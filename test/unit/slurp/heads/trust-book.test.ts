import { describe, expect, it } from 'vitest';
import { decodeHead } from '../../../../protocols/slurp/index.ts';
import { codeOf, GENESIS, Machine, rootOf, START_MS } from '../mesh-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';
import {
  anchorAt,
  batchesWith,
  headBy,
  linksOf,
  logWith,
  names,
  openBook,
  refused,
  rotation,
  some,
} from './voters.ts';

expectNoUnhandled();

const changes = rotation(90);
const LENGTH = 300;
const batches = batchesWith(changes, LENGTH);
const records = logWith(changes, LENGTH);
const links = linksOf(records, changes);
const indices = [...changes.keys()];
const votersAt = (index: number) => {
  const at = indices.findLast((it) => it <= index);
  return at === undefined ? some(1) : (changes.get(at) ?? []);
};
/** The honest head of an index that is no change. */
const headAt = (index: number, other: object = {}) => {
  const by = votersAt(index);
  return headBy(by, { index, root: rootOf(records.slice(0, index)), by, ...other });
};
const linkAt = (index: number) => links[indices.indexOf(index)] as Uint8Array;

/** A node that has applied the log up to there. */
async function applied(index: number) {
  const machine = await Machine.open();
  if (index > 1) await machine.take(batches.slice(0, index - 1));
  return machine;
}

describe('a book of a node that knows the log', () => {
  it('verifies heads by the voters of their index, back to the first', async () => {
    const book = await openBook(await applied(LENGTH));
    for (const index of [4, 13, 100, LENGTH]) {
      expect(book.verify(headAt(index)).head.index).toBe(index);
    }
    for (const link of [links[0], links[41], links[89]]) book.verify(link as Uint8Array);
    expect(book.voters()).toEqual(names(votersAt(LENGTH)));
    expect(book.chainIndex).toBe(indices.at(-1));
  });

  it('adopts what its log fits, keeps it, and passes over older ones', async () => {
    const machine = await applied(50);
    const book = await openBook(machine);
    await book.accept(headAt(40));
    expect(book.highest()?.signed.head.index).toBe(40);
    await book.accept(headAt(49));
    await book.accept(headAt(37));
    expect(book.highest()?.signed.head.index).toBe(49);
    expect(machine.refusals).toEqual(['stale']);
    const again = await openBook(machine);
    expect(again.highest()?.bytes).toEqual(headAt(49));
    expect(again.newest()?.bytes).toEqual(headAt(49));
  });

  it('has links on the disk before it goes by them: who signed may be gone', async () => {
    const machine = await applied(50);
    const book = await openBook(machine);
    await book.learn(links.slice(0, 3));
    await machine.restart({ log: 'kept' });
    expect(await (await openBook(machine)).links(0, 9)).toEqual(links.slice(0, 3));
  });

  it('adopts a head that came before its entries when those are applied', async () => {
    const machine = await applied(50);
    const book = await openBook(machine);
    await book.accept(headAt(52));
    expect(book.highest()).toBeUndefined();
    expect(book.newest()?.signed.head.index).toBe(52);
    await machine.take(batches.slice(49, 52));
    await expect.poll(() => book.highest()?.signed.head.index).toBe(52);
  });

  it.each([
    [
      'too few',
      'too-few',
      headBy(some(2), { index: 13, root: GENESIS.bytes.slice(0, 32), by: votersAt(13) }),
    ],
    [
      'strangers',
      'foreign',
      headBy(some(7, 8, 9), { index: 13, root: GENESIS.bytes.slice(0, 32), by: votersAt(13) }),
    ],
    [
      'voters of another time',
      'foreign',
      headBy(votersAt(200), { index: 13, root: GENESIS.bytes.slice(0, 32), by: votersAt(13) }),
    ],
    [
      'one twice',
      'repeated',
      headBy(some(3, 3), { index: 10, root: GENESIS.bytes.slice(0, 32), by: votersAt(10) }),
    ],
  ])('refuses and counts a head signed by %s', async (_name, reason, bytes) => {
    const machine = await applied(20);
    const book = await openBook(machine);
    await expect(book.accept(bytes)).rejects.toThrow(refused(reason));
    expect(machine.refusals).toEqual([reason]);
    expect(book.newest()).toBeUndefined();
  });

  it('refuses another log at the anchor, whoever signed it', async () => {
    const machine = await applied(20);
    const root = new Uint8Array(32).fill(1);
    const book = await openBook(machine, { ...anchorAt(records, 16, votersAt(16)), root });
    expect(await codeOf(book.accept(headAt(16)))).toBe('ERR_SLURP_ANCHOR');
    expect(machine.refusals).toEqual(['anchor']);
  });

  it('keeps two heads of one index as proof, and says so', async () => {
    const machine = await applied(20);
    const book = await openBook(machine);
    await book.accept(headAt(19));
    await book.accept(headAt(16));
    const root = new Uint8Array(32).fill(1);
    await expect(book.accept(headAt(16, { root }))).rejects.toThrow(refused('fork'));
    expect(machine.health.list().map(({ code }) => code)).toEqual(['forked-log']);
    expect(await machine.store.get('head', 'fork-ours')).toEqual(headAt(16));
    expect(await machine.store.get('head', 'fork-theirs')).toEqual(headAt(16, { root }));
    expect(book.highest()?.bytes).toEqual(headAt(19));
    // The first pair is the proof; a second one does not overwrite it.
    const other = headAt(19, { root });
    await expect(book.accept(other)).rejects.toThrow(refused('fork'));
    expect(await machine.store.get('head', 'fork-theirs')).toEqual(headAt(16, { root }));
    expect(machine.refusals).toEqual(['stale', 'fork', 'fork']);
  });

  it('says so again after a restart, by the proof that it kept', async () => {
    const machine = await applied(20);
    const root = new Uint8Array(32).fill(1);
    const book = await openBook(machine);
    await book.accept(headAt(16));
    await expect(book.accept(headAt(16, { root }))).rejects.toThrow(refused('fork'));
    const [told] = machine.health.list();
    expect(told?.text).toContain('at index 16, both by ');
    for (const peer of names(votersAt(16))) expect(told?.text).toContain(peer);
    machine.health.clear('forked-log');
    const gauges = new Map<string, number>();
    const metrics = {
      ...machine.metrics,
      gauge: (name: string, it: number) => gauges.set(name, it),
    };
    await openBook(Object.assign(machine, { metrics }));
    expect(machine.health.list()).toEqual([told]);
    expect(gauges.get('cooee_slurp_forked')).toBe(1);
  });

  it('finds out two that come at the same moment', async () => {
    const machine = await applied(14);
    const book = await openBook(machine);
    const root = new Uint8Array(32).fill(1);
    const both = [headAt(16), headAt(16, { root })];
    await Promise.allSettled(both.map((bytes) => book.accept(bytes)));
    expect(machine.health.list().map(({ code }) => code)).toEqual(['forked-log']);
    expect(await machine.store.get('head', 'fork-theirs')).toEqual(both[1]);
  });

  it('lets its own log decide when the false one of two came first', async () => {
    const machine = await applied(14);
    const book = await openBook(machine);
    const root = new Uint8Array(32).fill(1);
    await book.accept(headAt(16, { root }));
    await book.accept(headAt(16));
    expect(machine.health.list().map(({ code }) => code)).toEqual(['forked-log']);
    await machine.take(batches.slice(13, 16));
    await book.accept(headAt(16));
    expect(book.highest()?.bytes).toEqual(headAt(16));
  });

  it('takes in links of changes that it knows, and tells which are missing', async () => {
    const machine = await applied(LENGTH);
    const book = await openBook(machine);
    expect(book.missingLinks()).toHaveLength(90);
    await book.learn(links.slice(10, 20));
    expect(book.missingLinks().map(({ set }) => set.index)).toEqual([
      ...indices.slice(0, 10),
      ...indices.slice(20),
    ]);
    await book.learn(links);
    expect(book.missingLinks()).toEqual([]);
    const again = await openBook(machine);
    expect(again.missingLinks()).toEqual([]);
    expect(await again.links(0, 1_000)).toEqual(links.slice(0, 64));
    expect(await again.links(indices[63] as number, 64)).toEqual(links.slice(64));
  });

  it('takes nothing in of a chain with one bad link', async () => {
    const book = await openBook(await applied(LENGTH));
    const index = indices[3] as number;
    const forged = headBy(some(9, 8), {
      index,
      root: rootOf(records.slice(0, index)),
      by: votersAt(index),
    });
    await expect(book.learn([...links.slice(0, 3), forged])).rejects.toThrow(refused('foreign'));
    expect(book.missingLinks()).toHaveLength(90);
  });

  it('keeps the newest head that speaks of a state', async () => {
    const machine = await applied(60);
    const book = await openBook(machine);
    const heard: number[] = [];
    book.onVerified(({ signed }) => heard.push(signed.head.index));
    const stateCid = `bafyrei${'a'.repeat(52)}`;
    await book.accept(headAt(60));
    await book.accept(headAt(31, { stateCid }));
    await book.accept(headAt(22, { stateCid }));
    expect(book.mark()?.signed.head.index).toBe(31);
    expect(book.highest()?.signed.head.index).toBe(60);
    expect(heard).toEqual([60, 31, 22]);
    expect((await openBook(machine)).mark()?.signed.head).toMatchObject({ index: 31, stateCid });
    expect(machine.refusals).toEqual([]);
  });
});

describe('a book of a node that knows its anchor alone', () => {
  const anchor = anchorAt(records, 20, votersAt(20));
  const ahead = links.filter((link) => decodeHead(link).head.index > 20);

  it('goes along the chain to voters that it never heard of, 64 links at a time', async () => {
    const machine = await applied(1);
    const book = await openBook(machine, anchor);
    await expect(book.accept(headAt(LENGTH))).rejects.toThrow(refused('foreign'));
    await book.learn(ahead.slice(0, 64));
    await expect(book.accept(headAt(LENGTH))).rejects.toThrow(refused('chain'));
    const signed = await book.accept(headAt(LENGTH), ahead.slice(64));
    expect(signed.head.index).toBe(LENGTH);
    expect(book.voters()).toEqual(names(votersAt(LENGTH)));
    // Not adopted: nothing shows yet that the log here is this one.
    expect(book.highest()).toBeUndefined();
    // After a restart the way need not be gone again.
    const again = await openBook(machine, anchor);
    expect(again.verify(headAt(LENGTH)).head.index).toBe(LENGTH);
  });

  it('does not go back behind its anchor', async () => {
    const book = await openBook(await applied(1), anchor);
    await book.learn(links.slice(0, 20));
    await expect(
      book.accept(headBy(some(1), { index: 400, root: new Uint8Array(32), by: some(1) })),
    ).rejects.toThrow(refused('too-few'));
    expect(book.chainIndex).toBeGreaterThanOrEqual(20);
  });

  it('gets back the links from before its anchor once its state names the voters', async () => {
    const machine = await applied(1);
    const book = await openBook(machine, anchor);
    await book.learn(ahead.slice(0, 64));
    await machine.take(batches);
    expect(book.missingLinks().map(({ set }) => set.index)).toEqual([
      ...indices.filter((it) => it <= 20),
      ...indices.slice(-(ahead.length - 64)),
    ]);
    await book.learn(links);
    expect(book.missingLinks()).toEqual([]);
    expect(book.chainIndex).toBe(indices.at(-1));
  });
});

describe('heads that are called out', () => {
  it('a link is kept, also when it comes before the change is applied here', async () => {
    const machine = await applied(21);
    const book = await openBook(machine);
    await book.learn(links.slice(0, 7));
    const index = indices[7] as number;
    expect(() => book.hear(linkAt(index))).toThrow(refused('chain'));
    await machine.take(batches.slice(20, index - 1));
    await expect.poll(() => book.missingLinks()).toEqual([]);
    const next = indices[8] as number;
    await machine.take(batches.slice(index - 1, next - 1));
    book.hear(linkAt(next));
    await expect.poll(() => book.missingLinks()).toEqual([]);
  });

  it('a bad one is refused at once', async () => {
    const machine = await applied(10);
    const book = await openBook(machine);
    expect(() => book.hear(new Uint8Array(3))).toThrow();
    const foreign = headBy(some(9), { index: 400, root: new Uint8Array(32), by: some(9) });
    expect(() => book.hear(foreign)).toThrow(refused('foreign'));
    expect(machine.refusals).toEqual(['foreign']);
  });
});

it('opens a failed store again to keep a head', async () => {
  const machine = await applied(10);
  const book = await openBook(machine);
  machine.faults.fail('store:write', new Error('no'));
  expect(await codeOf(book.accept(headAt(10)))).not.toBe('ok');
  machine.faults.mend();
  await book.accept(headAt(10, { timeMs: START_MS + 1 }));
  expect(book.highest()?.signed.head.index).toBe(10);
});
