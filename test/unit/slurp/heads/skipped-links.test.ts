import { describe, expect, it } from 'vitest';
import type { Signer } from '../../../../protocols/interface/index.ts';
import { decodeHead } from '../../../../protocols/slurp/index.ts';
import { codeOf, Machine, rootOf } from '../mesh-world.ts';
import { GENESIS_BODY, recoveryAt } from '../recovery/recovery-world.ts';
import { batchesWith, headBy, linksOf, logWith, openBook, refused, some } from './voters.ts';

// Goal: who went past a change of voters judges what was signed before the next one all the same.
// Method: {1} hands over to {1, 2} at 4, they to {1, 2, 3} at 8, and two of those to four at 12:
// the last link follows from {1, 2} as well.

const LENGTH = 16;
const changes = new Map<number, Signer[]>([
  [4, some(1, 2)],
  [8, some(1, 2, 3)],
  [12, some(1, 2, 3, 4)],
]);
const records = logWith(changes, LENGTH);
const rootAt = (index: number) => rootOf(records.slice(0, index));
const headAt = (index: number, signers: Signer[], by: Signer[]) =>
  headBy(signers, { index, root: rootAt(index), by });

const [link4, link8] = linksOf(records, changes) as [Uint8Array, Uint8Array];
const link12 = headAt(12, some(1, 2), some(1, 2, 3, 4));
const between = headAt(10, some(1, 2), some(1, 2, 3));

/** A node with the first entry, and these links. */
async function bookWith(...links: Uint8Array[]) {
  const machine = await Machine.open();
  const book = await openBook(machine);
  await book.learn(links);
  return { machine, book };
}

describe('a node that went past a change of voters', () => {
  it.each([
    ['names other voters', 'chain', between],
    ['is signed by others too', 'foreign', headAt(10, some(1, 3), some(1, 2, 3))],
    ['is signed by fewer', 'too-few', headAt(5, some(1), some(1))],
  ])('wants the links before a head that %s', async (_name, reason, head) => {
    const { book } = await bookWith(link4, link12);
    expect(book.skipped.wanted).toBeUndefined();
    await expect(book.accept(head)).rejects.toEqual(refused(reason));
    expect(book.skipped.wanted).toEqual({ after: 4, end: 12 });
  });

  it('judges what was signed in between by the link that it gets, and keeps that', async () => {
    const { machine, book } = await bookWith(link4, link12);
    await expect(book.accept(between)).rejects.toEqual(refused('chain'));
    expect((await book.accept(between, [link8])).head.index).toBe(10);
    expect(book.skipped.wanted).toBeUndefined();
    expect(book.chainIndex).toBe(12);
    await machine.restart({ log: 'kept', storeBatches: 1_000 });
    const again = await openBook(machine);
    expect(await again.links(0, 9)).toEqual([link4, link8, link12]);
    expect(again.chainIndex).toBe(12);
    for (const head of [between, link12]) for (const it of [book, again]) it.verify(head);
    again.verify(headAt(8, some(1, 2), some(1, 2, 3)));
  });

  it('takes several in, in whatever answer they come', async () => {
    const more = new Map(changes).set(6, some(1, 2, 5));
    const log = logWith(more, LENGTH);
    const all = linksOf(log, more);
    const { book } = await bookWith(link4, link12);
    await expect(book.accept(between)).rejects.toEqual(refused('chain'));
    await book.learn([link4, ...all.slice(1)]);
    book.verify(between);
    book.verify(headBy(some(2, 5), { index: 7, root: rootOf(log.slice(0, 7)), by: some(1, 2, 5) }));
  });

  it('asks again for what one detour leaves out', async () => {
    const { book } = await bookWith(link4, link12);
    await expect(book.accept(between)).rejects.toEqual(refused('chain'));
    const early = headAt(6, some(1, 2), some(1, 2, 5));
    await expect(book.accept(between, [early])).rejects.toEqual(refused('chain'));
    expect(book.skipped.wanted).toEqual({ after: 6, end: 12 });
  });

  it('wants all that lies between several that were refused', async () => {
    const { book } = await bookWith(link4, link12, headAt(14, some(1, 2, 3), some(2, 3, 4)));
    for (const index of [10, 13, 5]) {
      await expect(book.accept(headAt(index, some(1), some(1)))).rejects.toEqual(
        refused('too-few'),
      );
    }
    expect(book.skipped.wanted).toEqual({ after: 4, end: 14 });
  });

  it('looks for nothing as long as nothing is refused', async () => {
    const { book } = await bookWith(link4, link12);
    await book.learn([link4, link8, link12]);
    expect(await book.links(0, 9)).toEqual([link4, link12]);
    await expect(book.accept(between)).rejects.toEqual(refused('chain'));
  });

  it.each([
    ['that too few signed', headAt(8, some(1), some(1, 2, 3))],
    ['to voters who did not sign the next', headAt(8, some(1, 2), some(3, 4, 5))],
    ['from before', headAt(3, some(1), some(1, 2, 3))],
    ['that it has', link4],
  ])('leaves its chain alone for a link %s', async (_name, link) => {
    const { book } = await bookWith(link4, link12);
    await expect(book.accept(between)).rejects.toEqual(refused('chain'));
    await book.learn([link]);
    expect(await book.links(0, 9)).toEqual([link4, link12]);
    expect(book.skipped.wanted).toEqual({ after: 4, end: 12 });
    await expect(book.accept(between, [link8])).resolves.toBeDefined();
  });

  it('wants them on when other links come that do not lead there', async () => {
    const { book } = await bookWith(link4, link12);
    await expect(book.accept(between)).rejects.toEqual(refused('chain'));
    const elsewhere = headAt(8, some(1, 2), some(3, 4, 5));
    await book.learn([elsewhere, headAt(14, some(1, 2, 3), some(2, 3))]);
    expect([book.chainIndex, book.skipped.wanted]).toEqual([14, { after: 4, end: 12 }]);
  });

  it('is not led astray by an ordinary head that it took for a link', async () => {
    const ordinary = headAt(10, some(1, 2), some(1, 2, 3));
    const earlier = headAt(9, some(1, 3), some(1, 2, 3));
    const { machine, book } = await bookWith(link4, ordinary);
    expect(book.chainIndex).toBe(10);
    await expect(book.accept(earlier)).rejects.toEqual(refused('foreign'));
    await book.accept(earlier, [link8]);
    book.verify(ordinary);
    await book.learn([link12]);
    await machine.restart({ log: 'kept', storeBatches: 1_000 });
    const again = await openBook(machine);
    expect(again.chainIndex).toBe(12);
    for (const head of [earlier, ordinary]) again.verify(head);
  });

  it('wants nothing for a head that nobody can have signed', async () => {
    const { book } = await bookWith(link4, link12);
    const forged = Buffer.from(between);
    const at = forged.indexOf(decodeHead(between).signatures[0]?.s ?? '');
    forged[at] = (forged[at] ?? 0) ^ 1;
    await expect(book.accept(new Uint8Array(forged))).rejects.toEqual(refused('signature'));
    await expect(book.accept(headAt(15, some(1), some(1)))).rejects.toEqual(refused('too-few'));
    expect(book.skipped.wanted).toBeUndefined();
  });

  it('wants what its state does not tell yet', async () => {
    const { machine, book } = await bookWith(link4, link12, headAt(14, some(1, 2, 3), some(2, 3)));
    for (const index of [5, 13]) {
      const head = headAt(index, some(1), some(1));
      await expect(book.accept(head)).rejects.toEqual(refused('too-few'));
    }
    await machine.take(batchesWith(changes, LENGTH).slice(0, 11));
    expect(book.skipped.wanted).toEqual({ after: 12, end: 14 });
  });

  it('wants nothing when its state tells, or a recovery has given that up', async () => {
    const { machine, book } = await bookWith(link4, link12);
    await expect(book.accept(between)).rejects.toEqual(refused('chain'));
    await machine.take(batchesWith(changes, LENGTH).slice(0, 14));
    expect(book.skipped.wanted).toBeUndefined();
    const other = await bookWith(link4, link12);
    await expect(other.book.accept(between)).rejects.toEqual(refused('chain'));
    await other.book.recover(recoveryAt({ index: 5, voters: some(7), genesis: GENESIS_BODY }));
    expect(other.book.skipped.wanted).toBeUndefined();
  });

  it('refuses garbage', async () => {
    const { book } = await bookWith(link4, link12);
    await expect(book.accept(between)).rejects.toEqual(refused('chain'));
    expect(await codeOf(book.learn([new Uint8Array(40)]))).toBe('ERR_WIRE_MALFORMED');
  });
});
