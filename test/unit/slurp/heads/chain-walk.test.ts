import { describe, expect, it } from 'vitest';
import type { Signer } from '../../../../protocols/interface/index.ts';
import type { TrustBook } from '../../../../protocols/slurp/index.ts';
import { Machine } from '../mesh-world.ts';
import { applyRecovery, GENESIS_BODY, recoveryAt } from '../recovery/recovery-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';
import { batchesWith, headBy, linksOf, logWith, names, openBook, refused, some } from './voters.ts';

expectNoUnhandled();

// Goal: what lies before a recovery that a node heard of from afar is believed when links have led
// there, and of two rivals never that one which was given up. Method: a mesh whose three voters
// were recovered twice at 20, and then, on the first of the two branches, at 30.

const three = some(1, 2, 3);
const changes = new Map([
  [3, some(1, 2)],
  [5, three],
]);
const ROOT = new Uint8Array(32).fill(5);
const STATE_CID = `bafyrei${'a'.repeat(52)}`;
const [first, second, third] = three as [Signer, Signer, Signer];
const before = linksOf(logWith(changes, 20), changes);
const chosen = recoveryAt({ index: 20, voters: [first], genesis: GENESIS_BODY });
const rival = recoveryAt({ index: 20, voters: [second], genesis: GENESIS_BODY });
const last = recoveryAt({ index: 30, epoch: 2, voters: [third], genesis: GENESIS_BODY });
const right = [...before, chosen, last];
const wrong = [...before, rival, last];

const headAt = (index: number, by: Signer, more = {}) =>
  headBy([by], { index, root: ROOT, epoch: 1, by: [by], ...more });

/** A node without a state that follows the last one. */
async function follower(): Promise<{ machine: Machine; book: TrustBook }> {
  const machine = await Machine.open({ empty: true });
  const book = await openBook(machine);
  await book.recover(last);
  return { machine, book };
}

/** A node on whose log one of the two stands at 21. */
async function stateOf(signer: Signer) {
  const machine = await Machine.open();
  await machine.take(batchesWith(changes, 20));
  const root = machine.meshLog.tailRoot();
  const own = recoveryAt({ index: 20, root, voters: [signer], genesis: GENESIS_BODY });
  await applyRecovery(machine, { signer, link: own, term: 7 });
  const book = await openBook(machine);
  await book.recover(last);
  return { book, way: [...before, own, last] };
}

/** What a source says behind the place that is asked for. */
const walk = (book: TrustBook, links: readonly Uint8Array[]) => {
  const way = book.recoveries.walk();
  if (way === undefined) throw new Error('nothing is unknown');
  return { way, take: () => way.take(links) };
};

async function come(book: TrustBook, links: readonly Uint8Array[]): Promise<void> {
  const { way, take } = walk(book, links);
  expect(take()).toBe(true);
  await book.recoveries.arrive(way);
  expect(book.recoveries.walk()).toBeUndefined();
}

describe('a node that hears of a recovery from afar', () => {
  it('judges no head before it until links have led there, and then by their voters', async () => {
    const { book } = await follower();
    const old = headBy(three, { index: 10, root: ROOT, by: three });
    const mark = headAt(25, first, { stateCid: STATE_CID });
    for (const head of [old, mark]) {
      await expect(book.accept(head)).rejects.toEqual(refused('chain'));
    }
    await come(book, right);
    await book.accept(old);
    await book.accept(mark);
    expect(book.mark()?.signed.head.index).toBe(25);
    await expect(book.accept(headAt(26, second))).rejects.toEqual(refused('foreign'));
    await expect(book.accept(headAt(30, third, { epoch: 2 }))).rejects.toEqual(refused('epoch'));
    expect(book.voters()).toEqual([third.peer]);
  });

  it.each([
    ['the links end before it', [...before, chosen], undefined],
    ['they are of one who never heard of it', [], false],
  ])('believes nothing when %s', async (_name, links, outcome) => {
    const { book } = await follower();
    const { way, take } = walk(book, links);
    expect(take()).toBe(outcome);
    await expect(book.accept(headAt(25, first))).rejects.toEqual(refused('chain'));
    expect(way.after).toBe(links.length === 0 ? 1 : 21);
  });

  it('takes page after page, each from where the one before ended', async () => {
    const { book } = await follower();
    const { way } = walk(book, []);
    for (const [i, link] of right.entries()) {
      expect(way.take([link])).toBe(i === right.length - 1 ? true : undefined);
    }
    await book.recoveries.arrive(way);
    expect((await book.accept(headAt(25, first))).head.index).toBe(25);
  });

  it.each([
    ['that nobody signed', [headBy([third], { index: 3, root: ROOT, by: some(1, 2) }), last]],
    ['in no order', [...[...before].reverse(), last]],
    ['past a change', [before[1] as Uint8Array, last]],
  ])('refuses links %s', async (_name, links) => {
    const { book } = await follower();
    expect(walk(book, links).take).toThrow();
    await expect(book.accept(headAt(25, first))).rejects.toEqual(refused('chain'));
  });

  it('is not led from behind the recovery back to it', async () => {
    const { book } = await follower();
    const { way } = walk(book, []);
    const beyond = headBy(some(1), { index: 40, root: ROOT, by: some(1, 2) });
    expect(way.take([beyond])).toBeUndefined();
    expect(() => way.take([last])).toThrow();
  });

  it('has no use for a way to a recovery when it has heard of a later one', async () => {
    const { book } = await follower();
    const { way, take } = walk(book, right);
    expect(take()).toBe(true);
    await book.recover(recoveryAt({ index: 35, epoch: 3, voters: [second] }));
    await book.recoveries.arrive(way);
    await expect(book.accept(headAt(25, first))).rejects.toEqual(refused('chain'));
    expect(book.voters()).toEqual([second.peer]);
  });
});

describe('a rival that was followed before', () => {
  it('counts for nothing any more below the index of the one that is followed', async () => {
    const machine = await Machine.open({ empty: true });
    const book = await openBook(machine);
    await book.learn(wrong.slice(0, -1));
    await book.accept(headAt(25, second, { stateCid: STATE_CID }));
    const later = headBy([second], { index: 26, root: ROOT, epoch: 1, by: some(2, 3) });
    await book.learn([later]);
    expect([book.chainIndex, book.mark()?.signed.head.index]).toEqual([26, 25]);
    await book.recover(last);
    const stale = headAt(25, second);
    await expect(book.accept(stale)).rejects.toEqual(refused('chain'));
    expect([book.mark(), book.newest()]).toEqual([undefined, undefined]);
    expect(await keysOf(machine)).toEqual([31]);
    await come(book, right);
    await expect(book.accept(stale)).rejects.toEqual(refused('foreign'));
    expect((await book.accept(headAt(25, first))).head.index).toBe(25);
    expect(await keysOf(machine)).toEqual([3, 5, 21, 31]);
  });

  it('is not what a state of the other one leads along', async () => {
    const { book, way } = await stateOf(first);
    await expect(book.accept(headAt(25, first))).rejects.toEqual(refused('chain'));
    await come(book, way.slice(2));
    expect((await book.accept(headAt(25, first))).head.index).toBe(25);
  });

  it.each([
    ['its links', [...before, chosen, last]],
    ['none but the last', [last]],
  ])('is known by the state of its own when a source shows %s', async (_name, links) => {
    const { book } = await stateOf(second);
    expect(walk(book, links).take).toThrow();
    await expect(book.accept(headAt(25, second))).rejects.toEqual(refused('chain'));
  });

  it('is shown to nobody as the way to the one that is followed', async () => {
    const { book } = await stateOf(second);
    await book.learn(before);
    expect(await book.links(0, 9)).toHaveLength(3);
    expect(await book.links(0, 9)).not.toContainEqual(last);
    expect(names([second])).not.toEqual(book.voters());
  });
});

async function keysOf({ store }: Machine): Promise<number[]> {
  const keys: number[] = [];
  for await (const [key] of store.entries('chain')) keys.push(Number(key));
  return keys;
}
