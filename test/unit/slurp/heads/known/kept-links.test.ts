import { describe, expect, it } from 'vitest';
import type { Signer } from '../../../../../protocols/interface/index.ts';
import { linkIndex } from '../../../../../protocols/slurp/heads/trust-store.ts';
import { codeOf, Machine, rootOf } from '../../mesh-world.ts';
import { expectNoUnhandled } from '../../unhandled.ts';
import { keysOf } from '../epochs.ts';
import { batchesWith, headBy, logWith, openBook, refused, some } from '../voters.ts';

expectNoUnhandled();

// Goal: whatever links came, in whatever order and from whomever, the next start follows those that
// lead on, and no others stay. Method: the voters change one at a time, and each link is signed by
// a majority of those before it that is one of earlier voters too.

const LENGTH = 16;
const changes = new Map<number, Signer[]>([
  [2, some(1, 2)],
  [3, some(1, 2, 3)],
  [6, some(1, 2, 3, 4)],
  [9, some(2, 3, 4)],
  [12, some(2, 3, 4, 5)],
]);
const records = logWith(changes, LENGTH);
const headAt = (index: number, signers: Signer[], by: Signer[]) =>
  headBy(signers, { index, root: rootOf(records.slice(0, index)), by });
const link2 = headAt(2, some(1), some(1, 2));
const link3 = headAt(3, some(1, 2), some(1, 2, 3));
const link6 = headAt(6, some(1, 2, 3), some(1, 2, 3, 4));
const link9 = headAt(9, some(2, 3, 4), some(2, 3, 4));
const link12 = headAt(12, some(2, 3), some(2, 3, 4, 5));

/** A node with the first entry, and these links. */
async function bookWith(...links: Uint8Array[]) {
  const machine = await Machine.open();
  const book = await openBook(machine);
  await book.learn(links);
  return { machine, book };
}

/** The book after an end of the program. */
async function again(machine: Machine) {
  await machine.restart({ log: 'kept', storeBatches: 10_000 });
  return await openBook(machine);
}

const keptBy = async (machine: Machine) => (await keysOf(machine, 'chain')).map(Number);

describe('links that were kept', () => {
  it.each([
    [5, [2, 3, 12], 12],
    [6, [2, 3, 12], 6],
    [8, [2, 3, 12], 6],
    [9, [2, 3, 12], 12],
  ])('are passed over by a state that leads elsewhere (%i)', async (applied, kept, index) => {
    const { machine, book } = await bookWith(link2, link3, link12);
    expect(book.chainIndex).toBe(12);
    await machine.take(batchesWith(changes, LENGTH).slice(0, applied - 1));
    const next = await again(machine);
    expect([next.chainIndex, await keptBy(machine)]).toEqual([index, kept]);
    // What is passed over here is of no use to others.
    const served = (await next.links(0, 9)).map(linkIndex);
    expect(served).toEqual(index === 12 ? kept : [2, 3]);
    await next.learn([link2, link3, link6, link9, link12]);
    expect(next.chainIndex).toBe(12);
    next.verify(headAt(14, some(2, 4, 5), some(2, 3, 4, 5)));
    expect((await again(machine)).chainIndex).toBe(12);
  });

  it('are asked for anew when the disk has damaged one', async () => {
    const { machine } = await bookWith(link2, link3, link6, link9);
    const forged = headAt(6, some(7, 8, 9), some(1, 2, 3, 4));
    const write = { namespace: 'chain', key: '6'.padStart(16, '0'), value: forged } as const;
    await machine.store.batch([write]);
    await machine.take(batchesWith(changes, LENGTH).slice(0, 2));
    const next = await again(machine);
    expect(next.chainIndex).toBe(3);
    await machine.take(batchesWith(changes, LENGTH).slice(2, 8));
    expect(next.missingLinks().map(({ set }) => set.index)).toContain(6);
    await next.learn([link6]);
    expect(await next.links(5, 1)).toEqual([link6]);
  });
});

describe('links that come at once', () => {
  it('are followed one after the other', async () => {
    const { machine, book } = await bookWith(link2, link3);
    await Promise.all([book.learn([link12]), codeOf(book.learn([link6]))]);
    expect([book.chainIndex, await keptBy(machine)]).toEqual([12, [2, 3, 12]]);
    expect((await again(machine)).chainIndex).toBe(12);
  });

  it.each([
    ['the same', [link6, link9], [link6, link9]],
    ['the later first', [link6, link9], [link6]],
    ['the earlier first', [link6], [link6, link9]],
  ])('fill what this node went past once (%s)', async (_name, first, second) => {
    const { machine, book } = await bookWith(link2, link3, link12);
    const between = headAt(7, some(1, 2, 4), some(1, 2, 3, 4));
    await expect(book.accept(between)).rejects.toEqual(refused('foreign'));
    await Promise.all([book.learn(first), book.learn(second)]);
    for (const it of [book, await again(machine)]) {
      for (const head of [link6, between]) it.verify(head);
      expect(it.chainIndex).toBe(12);
    }
  });
});

describe('an ordinary head that passes for a link', () => {
  it('gives its place to the link, and few are kept for all that', async () => {
    const { machine, book } = await bookWith(link2);
    // Each is one that the mesh has signed, of {1, 2, 3}: from {1, 2} it looks like a link.
    const ordinary = (index: number) =>
      headBy(some(1, 2), { index, root: new Uint8Array(32), by: some(1, 2, 3) });
    await book.learn([ordinary(60)]);
    for (let index = 59; index > 40; index--) {
      const junk = headBy(some(1), { index, root: new Uint8Array(32), by: some(1) });
      await expect(book.accept(junk)).rejects.toEqual(refused('too-few'));
      await book.learn([ordinary(index)]);
    }
    const upTo = (last: number) => Array.from({ length: last - 40 }, (_, i) => 41 + i);
    expect(await keptBy(machine)).toEqual([2, ...upTo(57)]);
    await expect(book.accept(headAt(5, some(1, 3), some(1, 2, 3)))).rejects.toEqual(
      refused('foreign'),
    );
    await book.learn([link3]);
    expect([book.chainIndex, await keptBy(machine)]).toEqual([3, [2, 3, ...upTo(56)]]);
    const next = await again(machine);
    expect(next.chainIndex).toBe(3);
    // Who gets them all goes the same way.
    const { book: other } = await bookWith(...(await next.links(0, 64)));
    expect(other.chainIndex).toBe(3);
  });

  it('is the link after all when a voter had gone and come back', async () => {
    const back = new Map<number, Signer[]>([
      [2, some(1, 2)],
      [3, some(1, 2, 3)],
      [6, some(1, 2)],
      [9, some(1, 2, 3)],
    ]);
    const log = logWith(back, LENGTH);
    const at = (index: number) => ({ index, root: rootOf(log.slice(0, index)) });
    const last = headBy(some(1, 2), { ...at(9), by: some(1, 2, 3) });
    const { machine, book } = await bookWith(link2, last);
    const head = headBy(some(1, 3), { ...at(4), by: some(1, 2, 3) });
    await expect(book.accept(head)).rejects.toEqual(refused('foreign'));
    await book.learn([headBy(some(1, 2), { ...at(3), by: some(1, 2, 3) })]);
    await book.learn([headBy(some(1, 2, 3), { ...at(6), by: some(1, 2) })]);
    // Nobody else need have it.
    expect((await again(machine)).chainIndex).toBe(9);
    await machine.take(batchesWith(back, LENGTH).slice(0, 12));
    expect((await again(machine)).missingLinks()).toEqual([]);
  });
});
