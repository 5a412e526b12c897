import { describe, expect, it } from 'vitest';
import { KnownHeads } from '../../../../../protocols/slurp/heads/known/known-heads.ts';
import { type KeptHead, TrustStore } from '../../../../../protocols/slurp/heads/trust-store.ts';
import { decodeHead } from '../../../../../protocols/slurp/index.ts';
import { settle } from '../../../wire/manual-clock.ts';
import { Machine, rootOf } from '../../mesh-world.ts';
import { applied, held, keysOf, oldHead, recovered, rest, three } from '../epochs.ts';
import { batchesWith, headBy, names, openBook, refused, some } from '../voters.ts';

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
    await known.adopt(store, it, () => undefined);
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

describe('heads that come while another one is written', () => {
  /** A disk whose writes end when they are let go, and what was written to it. */
  function slowDisk() {
    const written: (number | undefined)[] = [];
    const waiting: PromiseWithResolvers<void>[] = [];
    const keepHeads: TrustStore['keepHeads'] = async ({ highest }) => {
      const writing = Promise.withResolvers<void>();
      waiting.push(writing);
      await writing.promise;
      written.push(highest && decodeHead(highest).head.index);
    };
    return { written, waiting, store: { keepHeads } };
  }

  it('wait for it, and a lower one is not put over it', async () => {
    const { written, waiting, store } = slowDisk();
    const known = new KnownHeads();
    const adopting = [12, 9, 15].map((index) =>
      known.adopt(store, head(index, [1, 2]), () => undefined),
    );
    await settle();
    expect(waiting).toHaveLength(1);
    waiting[0]?.resolve();
    await settle();
    expect([waiting.length, written, known.highest?.signed.head.index]).toEqual([2, [12], 12]);
    waiting[1]?.resolve();
    await Promise.all(adopting);
    expect([written, known.highest?.signed.head.index]).toEqual([[12, 15], 15]);
  });

  it('are written also when that fails', async () => {
    const { written, waiting, store } = slowDisk();
    const known = new KnownHeads();
    const [first, second] = [12, 9].map((index) =>
      known.adopt(store, head(index, [1, 2]), () => undefined),
    );
    await settle();
    waiting[0]?.reject(new Error('no disk'));
    await expect(first).rejects.toThrow('no disk');
    await settle();
    waiting[1]?.resolve();
    await second;
    expect([written, known.highest?.signed.head.index]).toEqual([[9], 9]);
  });
});

describe('a head that is written while a recovery is followed', () => {
  it.each([
    ['none before', undefined],
    ['one before that stays', 15],
    ['one before that is given up', 24],
  ])('is not the highest head when that gives it up (%s)', async (_name, before) => {
    const { link } = await recovered(20);
    const machine = await applied(25);
    const book = await openBook(machine);
    const first = before === undefined ? undefined : await oldHead(await applied(before));
    if (first !== undefined) await book.accept(first);
    const heard: number[] = [];
    book.onVerified(({ signed }) => heard.push(signed.head.index));
    const root = rootOf(await machine.records());
    // Without the second: of that one the head before is kept by name.
    const head = headBy(some(1, 3), { index: 25, root, by: three });
    const { reached, release } = held(machine, ({ key }) => key === 'highest');
    const accepting = Promise.allSettled([book.accept(head)]);
    await reached;
    await book.recover(link);
    release();
    expect(await accepting).toEqual([{ status: 'rejected', reason: refused('epoch') }]);
    expect([heard, machine.refusals]).toEqual([[], ['epoch']]);
    const kept = before === 15 ? first : undefined;
    const keys = await keysOf(machine, 'head');
    const heads = keys.filter((key) => key === 'highest' || key.startsWith('voter/'));
    expect(heads).toEqual(kept === undefined ? [] : ['highest']);
    for (const it of [book, await openBook(machine)]) {
      const all = [it.highest(), it.newest(), ...names(three).map((peer) => it.signedBy(peer))];
      expect(all.map((known) => known?.bytes)).toEqual(Array.from({ length: 5 }, () => kept));
    }
  });

  it('is not written when it was verified before and comes after that', async () => {
    const { link } = await recovered(20);
    const machine = await applied(25);
    const book = await openBook(machine);
    const bytes = await oldHead(machine);
    const verified = book.verify(bytes);
    await book.recover(link);
    machine.faults.fail('store:write', new Error('written'));
    await expect(book.adopt(bytes, verified)).rejects.toEqual(refused('epoch'));
    expect([book.highest(), await machine.store.get('head', 'highest')]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('is not the newest head either', async () => {
    const { link } = await recovered(20);
    const machine = await applied(20);
    const [four] = batchesWith(new Map([[2, some(1, 2, 3, 4)]]), 2) as [Uint8Array];
    await machine.take([four]);
    const book = await openBook(machine);
    const root = rootOf(await machine.records());
    const head = headBy(three, { index: 21, root, by: some(1, 2, 3, 4) });
    const { reached, release } = held(machine, ({ namespace }) => namespace === 'chain');
    const accepting = Promise.allSettled([book.accept(head)]);
    await reached;
    const recovering = book.recover(link);
    await rest();
    release();
    await recovering;
    expect(await accepting).toEqual([{ status: 'rejected', reason: refused('epoch') }]);
    expect([book.newest(), book.highest()]).toEqual([undefined, undefined]);
  });
});
