import { describe, expect, it } from 'vitest';
import { KnownHeads } from '../../../../protocols/slurp/heads/known-heads.ts';
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
