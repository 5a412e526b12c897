import { describe, expect, it } from 'vitest';
import { HealthBook } from '../../../../daemon/system/health.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { type ForkPlace, KnownHeads } from '../../../../protocols/slurp/heads/known-heads.ts';
import { type KeptHead, TrustStore } from '../../../../protocols/slurp/heads/trust-store.ts';
import { decodeHead } from '../../../../protocols/slurp/index.ts';
import { Machine } from '../mesh-world.ts';
import { headBy, names, some } from './voters.ts';

const three = some(1, 2, 3);
const [one, two, last] = names(three) as [string, string, string];

function head(index: number, by: readonly number[], other: object = {}): KeptHead {
  const place = { index, root: new Uint8Array(32).fill(index), by: three, ...other };
  const bytes = headBy(some(...by), place);
  return { bytes, signed: decodeHead(bytes) };
}

/** Heads as a book keeps them, on a disk and in memory. */
async function keeping(...heads: readonly KeptHead[]) {
  const machine = await Machine.open();
  const store = new TrustStore(machine.store);
  const known = new KnownHeads();
  for (const it of heads) {
    await store.keepHeads(known.keptWith(it));
    known.raise(it);
  }
  const again = new KnownHeads();
  await again.open(store);
  return { store, books: [known, again] };
}

const signed = (known: KnownHeads) =>
  [one, two, last].map((voter) => known.signedBy(voter)?.signed.head.index);

describe('the highest head that a voter signed', () => {
  it.each([
    ['is the highest of all when it signed that', [head(9, [1, 2, 3])], [9, 9, 9]],
    ['stays when others sign a later one', [head(9, [1, 2]), head(12, [1, 3])], [12, 9, 12]],
    [
      'is the last of several',
      [head(9, [1, 2]), head(12, [2, 3]), head(15, [1, 3]), head(18, [1, 3])],
      [18, 12, 18],
    ],
    [
      'is forgotten for the next one that it signs',
      [head(9, [1, 2]), head(12, [1, 3]), head(15, [1, 2])],
      [15, 15, 12],
    ],
    [
      'is forgotten with its seat',
      [head(9, [1, 2]), head(12, [1, 3]), head(15, [1, 3], { by: some(1, 3) })],
      [15, undefined, 15],
    ],
    ['is not there when it signed none', [head(9, [1, 3])], [9, undefined, 9]],
  ])('%s', async (_name, heads, expected) => {
    const { books } = await keeping(...heads);
    for (const known of books) expect(signed(known)).toEqual(expected);
  });

  it('is given up with the epoch that it is of', async () => {
    const { store, books } = await keeping(head(9, [1, 2]), head(12, [1, 3]));
    const [known] = books as [KnownHeads, KnownHeads];
    const beginning = { index: 9, epoch: 1, commitIndex: 30 };
    expect(known.givenUpBy(beginning)).toEqual(['highest', `voter/${two}`]);
    known.giveUp(beginning);
    expect(signed(known)).toEqual([undefined, undefined, undefined]);
    await store.keepHeads({ [`voter/${two}`]: undefined });
    expect(await store.signedHeads()).toEqual(new Map());
  });

  it('stays where the epoch began behind it', async () => {
    const { books } = await keeping(head(9, [1, 2]), head(12, [1, 3]));
    const [known] = books as [KnownHeads, KnownHeads];
    known.giveUp({ index: 11, epoch: 1, commitIndex: 30 });
    expect(signed(known)).toEqual([undefined, 9, undefined]);
  });
});

const kept = (signers: readonly number[], fill: number) => {
  const root = new Uint8Array(32).fill(fill);
  const bytes = headBy(some(...signers), { index: 9, root, by: some(1, 2, 3) });
  return { bytes, signed: decodeHead(bytes) };
};

/** What is told of a fork that 2 and 3 made: of those heads each has a majority. */
function forked() {
  const health = new HealthBook(silentLogger);
  const removed = new Set<string>();
  const gauges = new Map<string, number>();
  const state = {
    get: (_table: string, peer: string) => ({ removedIndex: removed.has(peer) ? 12 : null }),
  };
  const metrics = { gauge: (name: string, value: number) => void gauges.set(name, value) };
  const place = { health, state, metrics } as unknown as ForkPlace;
  const heads = new KnownHeads();
  const told = (epoch = 0) => {
    heads.tellFork({ ...place, epoch });
    return [health.list().map(({ text }) => text), gauges.get('cooee_slurp_forked')];
  };
  return { heads, removed, told };
}

describe('two heads that contradict each other', () => {
  it('names who signed both, and is over when they are out or another epoch began', async () => {
    const { heads, removed, told } = forked();
    expect(told()).toEqual([[], undefined]);
    const store = { keepHeads: async () => undefined };
    await heads.keepFork(store, { ours: kept([1, 2, 3], 1), theirs: kept([2, 3], 2) });
    const [first = '', second = ''] = names(some(2, 3)).sort();
    const text = `Two different heads were signed at index 9, both by ${first}, ${second}.`;
    expect(told()).toEqual([[text], 1]);
    removed.add(first);
    expect(told()[1]).toBe(1);
    removed.add(second);
    expect(told()).toEqual([[], 0]);
    removed.clear();
    expect(told()[1]).toBe(1);
    expect(told(1)).toEqual([[], 0]);
  });

  it('takes the next pair when the first says nothing any more', async () => {
    const { heads, removed, told } = forked();
    const written: object[] = [];
    const store = { keepHeads: async (pair: object) => void written.push(pair) };
    await heads.keepFork(store, { ours: kept([1, 2], 1), theirs: kept([2, 3], 2) });
    const [two = '', one = ''] = names(some(2, 1));
    removed.add(two);
    expect(told()[1]).toBe(0);
    const [ours, theirs] = [kept([1, 3], 1), kept([1, 2], 2)];
    await heads.keepFork(store, { ours, theirs });
    expect(written.at(-1)).toEqual({ 'fork-ours': ours.bytes, 'fork-theirs': theirs.bytes });
    expect(told()).toEqual([[`Two different heads were signed at index 9, both by ${one}.`], 1]);
  });

  it('keeps the first pair, also when the disk took it only later', async () => {
    const { heads, told } = forked();
    const written: object[] = [];
    let isFull = true;
    const store = {
      keepHeads: async (pair: object) => {
        if (isFull) throw new Error('no room');
        written.push(pair);
      },
    };
    const [ours, theirs] = [kept([1, 2], 1), kept([2, 3], 2)];
    await expect(heads.keepFork(store, { ours, theirs })).rejects.toThrow('no room');
    expect(told()[1]).toBe(1);
    isFull = false;
    await heads.keepFork(store, { ours: theirs, theirs: ours });
    await heads.keepFork(store, { ours: theirs, theirs: ours });
    expect(written).toEqual([{ 'fork-ours': ours.bytes, 'fork-theirs': theirs.bytes }]);
  });
});
