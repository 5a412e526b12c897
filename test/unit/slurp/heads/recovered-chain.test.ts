import { describe, expect, it } from 'vitest';
import { CooeeError, type StoreWrite } from '../../../../protocols/interface/index.ts';
import { VoterHistory } from '../../../../protocols/slurp/heads/voter-history.ts';
import { decodeHead } from '../../../../protocols/slurp/index.ts';
import { epochOf } from '../../../../protocols/slurp/recovery/recovery-rules.ts';
import { add, batchOf, codeOf, founder, GENESIS, issue, Machine, operator } from '../mesh-world.ts';
import {
  applyRecovery,
  forger,
  GENESIS_BODY,
  recoverOn,
  recoveryAt,
} from '../recovery/recovery-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';
import { applied, held, keysOf, left, newHead, oldHead, recovered, rest, three } from './epochs.ts';
import { anchorAt, headBy, names, openBook, refused, some } from './voters.ts';

expectNoUnhandled();

describe('a recovery in the log', () => {
  it('begins an epoch with the voters that it names, which later changes keep', async () => {
    const { machine, link } = await recovered(20);
    const { state } = machine.meshLog;
    expect(epochOf(state).epoch).toBe(1);
    expect(state.get('mesh', 'mesh')).toMatchObject({ voters: [left.peer], learners: [] });
    const book = await openBook(machine);
    expect(book.epochs.newest?.bytes).toEqual(link);
    expect(book.missingLinks().map(({ set }) => set.index)).toEqual([3, 5]);
    expect(book.unlinked()).toEqual([]);
    expect((await book.accept(await newHead(machine))).head.index).toBe(21);
  });

  it.each([
    ['the one that brings it', undefined, 'admin'],
    ['nobody when it is of another key', forger, 'member'],
  ])('makes %s an admin', async (_name, by, role) => {
    const machine = await Machine.open();
    await machine.take([batchOf(founder, { seq: 2 }, [issue(50), add(left, 50)])]);
    const roles = () => machine.meshLog.state.get('member', left.peer)?.role;
    expect(roles()).toBe('member');
    const at = { index: 2, root: machine.meshLog.tailRoot(), term: 7, voters: [left] };
    const link = recoveryAt(by === undefined ? at : { ...at, by });
    await applyRecovery(machine, { signer: left, link, term: 7 });
    expect(roles()).toBe(role);
    expect(machine.meshLog.state.get('member', founder.peer)?.role).toBe('admin');
  });

  it.each([
    ['another key', { by: forger }, 7],
    ['another place', { index: 19 }, 7],
    ['another term', { term: 8 }, 7],
    ['voters without the one that brings it', { voters: some(2) }, 7],
  ])('does nothing by %s', async (_name, other, term) => {
    const machine = await applied(20);
    const link = recoveryAt({ index: 20, term: 7, voters: [left], ...other });
    await applyRecovery(machine, { signer: left, link, term });
    expect(epochOf(machine.meshLog.state).epoch).toBe(0);
    expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ voters: names(three) });
  });
});

describe('a node that hears of a recovery', () => {
  it('follows it, and heads of the epoch before no more', async () => {
    const { machine: source, link } = await recovered(20);
    const machine = await applied(18);
    const book = await openBook(machine);
    const before = await oldHead(machine);
    await book.accept(before);
    const head = await newHead(source);
    await expect(book.accept(head)).rejects.toEqual(refused('epoch'));
    let told = 0;
    book.onRecovery(() => told++);
    await book.recover(link);
    expect([told, book.epochs.isBehind, book.epochs.isSuperseded]).toEqual([1, true, false]);
    expect(book.voters()).toEqual([left.peer]);
    await book.accept(head);
    expect(book.highest()?.bytes).toEqual(before);
    const later = await oldHead(await applied(25));
    await expect(book.accept(later)).rejects.toEqual(refused('epoch'));
    await book.recover(link);
    expect(told).toBe(1);
    const again = await openBook(machine);
    expect(again.voters()).toEqual([left.peer]);
    expect((await again.accept(head)).head.epoch).toBe(1);
  });

  it('votes no more also where it cannot forget what is given up', async () => {
    const { link } = await recovered(20);
    const machine = await applied(18);
    const book = await openBook(machine);
    const told: number[] = [];
    book.onRecovery(() => told.push(book.epochs.current.epoch));
    const { store } = machine;
    const batch = store.batch.bind(store);
    store.batch = async (writes, options) => {
      if (writes.some(({ namespace }) => namespace === 'chain')) {
        throw new CooeeError('ERR_STORAGE_DISK_FULL');
      }
      await batch(writes, options);
    };
    expect(await codeOf(book.recover(link))).toBe('ERR_STORAGE_DISK_FULL');
    expect([told, book.epochs.isBehind]).toEqual([[1], true]);
    store.batch = batch;
    await book.recover(link);
    expect([told, await book.links(0, 9)]).toEqual([[1], []]);
    expect((await keysOf(machine, 'chain')).map(Number)).toEqual([21]);
  });

  it('keeps what is new under the name of what it could not forget', async () => {
    const { machine: source, link } = await recovered(20);
    const machine = await applied(25);
    const book = await openBook(machine);
    const before = await oldHead(machine);
    await book.adopt(before, await book.accept(before));
    const { store } = machine;
    const batch = store.batch.bind(store);
    store.batch = async (writes, options) => {
      const isLink = ({ namespace }: StoreWrite) => namespace === 'chain';
      if (writes.some(isLink)) throw new CooeeError('ERR_STORAGE_DISK_FULL');
      await batch(writes, options);
    };
    expect(await codeOf(book.recover(link))).toBe('ERR_STORAGE_DISK_FULL');
    expect(book.highest()).toBeUndefined();
    expect(await store.get('head', 'highest')).toEqual(before);
    const head = await newHead(source);
    await book.adopt(head, await book.accept(head));
    store.batch = batch;
    await book.recover(link);
    expect((await keysOf(machine, 'chain')).map(Number)).toEqual([21]);
    for (const it of [book, await openBook(machine)]) expect(it.highest()?.bytes).toEqual(head);
  });

  it('knows of it after a loss of power', async () => {
    const { link } = await recovered(20);
    const machine = await applied(18);
    await (await openBook(machine)).recover(link);
    await machine.restart({ log: 'kept' });
    const book = await openBook(machine);
    expect([book.epochs.current.epoch, book.voters()]).toEqual([1, [left.peer]]);
    expect((await keysOf(machine, 'chain')).map(Number)).toEqual([21]);
  });

  it('goes past a change of voters that those before it never signed for', async () => {
    const { machine: source, link } = await recovered(20);
    const machine = await applied(4);
    const book = await openBook(machine);
    const before = await oldHead(await applied(20));
    await expect(book.accept(before)).rejects.toMatchObject({ code: 'ERR_SLURP_HEAD' });
    await book.learn([link]);
    expect((await book.accept(await newHead(source))).head.index).toBe(21);
    expect(book.epochs.isSuperseded).toBe(false);
  });

  it('forgets heads and links that it gives up, and sees that its log does not fit', async () => {
    const { link } = await recovered(20);
    const machine = await applied(25);
    const book = await openBook(machine);
    await book.accept(await oldHead(machine));
    expect(book.highest()?.signed.head.index).toBe(25);
    await book.recover(link);
    expect(book.highest()).toBeUndefined();
    expect(book.epochs.isSuperseded).toBe(true);
    expect((await openBook(machine)).epochs.isSuperseded).toBe(true);
  });

  it('sees that its last entry is another one than the recovery speaks of', async () => {
    const machine = await applied(20);
    const book = await openBook(machine);
    await book.recover(recoveryAt({ index: 20, voters: [left] }));
    expect(book.epochs.isSuperseded).toBe(true);
  });

  it('gives up what does not fit after a few tries, only while it is behind', async () => {
    const machine = await applied(18);
    const book = await openBook(machine);
    for (let i = 0; i < 5; i++) book.epochs.misfit();
    expect(book.epochs.isSuperseded).toBe(false);
    await book.recover(recoveryAt({ index: 20, voters: [left] }));
    for (let i = 0; i < 2; i++) book.epochs.misfit();
    // One that fits: it was the source that was at fault.
    book.epochs.fit();
    for (let i = 0; i < 2; i++) book.epochs.misfit();
    expect(book.epochs.isSuperseded).toBe(false);
    book.epochs.misfit();
    expect(book.epochs.isSuperseded).toBe(true);
  });

  it('learns of it from the links of a pull, from an anchor and no state', async () => {
    const { machine: source, link } = await recovered(20);
    const empty = await Machine.open({ empty: true });
    const anchor = anchorAt((await source.records()).slice(0, 10), 10, three);
    const book = await openBook(empty, anchor);
    // Without a state only a recovery that carries the genesis tells the key.
    await expect(book.learn([link])).rejects.toEqual(refused('recovery'));
    const { root } = (await openBook(source)).epochs.newest ?? { root: new Uint8Array(32) };
    const full = recoveryAt({ index: 20, root, voters: [left], genesis: GENESIS_BODY });
    await book.learn([full]);
    expect((await book.accept(await newHead(source))).head.epoch).toBe(1);
  });

  it('trusts an anchor behind the recovery in whatever epoch that is', async () => {
    const { machine: source, link } = await recovered(20);
    const records = await source.records();
    const empty = await Machine.open({ empty: true });
    const book = await openBook(empty, anchorAt(records, 21, [left]));
    const head = await newHead(source);
    expect(book.verify(head).head.epoch).toBe(1);
    await codeOf(book.recover(link));
    expect(book.voters()).toEqual([left.peer]);
    expect(decodeHead(head).head.index).toBe(21);
  });

  it('refuses and counts a forged one, and stays where it was', async () => {
    const machine = await applied(20);
    const book = await openBook(machine);
    const forged = recoveryAt({ index: 20, by: forger, voters: [left] });
    await expect(book.recover(forged)).rejects.toEqual(refused('signature'));
    await expect(book.learn([forged])).rejects.toEqual(refused('signature'));
    expect(machine.refusals).toEqual(['signature', 'signature']);
    expect(book.epochs.current.epoch).toBe(0);
    expect(operator.publicKey).not.toEqual(forger.publicKey);
  });
});

describe('a link that is written while a recovery is followed', () => {
  it.each([
    [21, true],
    [21, false],
    [30, true],
    [30, false],
  ])('is none when that gives it up (%i, on the disk: %s)', async (index, isOnDisk) => {
    const { machine: source, link } = await recovered(20);
    const machine = await applied(18);
    const book = await openBook(machine);
    const isLink = ({ namespace }: StoreWrite) => namespace === 'chain';
    const { reached, release } = held(machine, isLink, isOnDisk);
    const root = new Uint8Array(32);
    const learning = book.learn([headBy(three, { index, root, by: some(1, 2, 3, 4) })]);
    await reached;
    const recovering = book.recover(link);
    await rest();
    release();
    await Promise.all([learning, recovering]);
    expect((await keysOf(machine, 'chain')).map(Number)).toEqual([21]);
    expect(await machine.store.get('chain', '21'.padStart(16, '0'))).toEqual(link);
    for (const it of [book, await openBook(machine)]) {
      expect([it.voters(), it.chainIndex]).toEqual([[left.peer], 21]);
      expect((await it.accept(await newHead(source))).head.epoch).toBe(1);
    }
  });
});

describe('a link that was verified before a recovery was followed', () => {
  it.each([
    [21, 'ok'],
    [30, 'ERR_SLURP_HEAD'],
  ])('is not kept when that gives it up (%i)', async (index, code) => {
    const { link } = await recovered(20);
    const machine = await applied(18);
    const book = await openBook(machine);
    const { reached, release } = held(machine, ({ key }) => key === 'recovery');
    const recovering = book.recover(link);
    await reached;
    const root = new Uint8Array(32);
    const learning = codeOf(book.learn([headBy(three, { index, root, by: some(1, 2, 3, 4) })]));
    await rest();
    release();
    await recovering;
    expect(await learning).toBe(code);
    expect(await machine.store.get('chain', '21'.padStart(16, '0'))).toEqual(link);
    expect((await keysOf(machine, 'chain')).map(Number)).toEqual([21]);
    expect([book.voters(), book.chainIndex]).toEqual([[left.peer], 21]);
  });
});

describe('a link of a branch that a recovery gives up', () => {
  it('is not kept, though the state of that branch names it', async () => {
    const machine = await applied(18);
    const book = await openBook(machine);
    const link = headBy(some(1, 2), { index: 5, root: new Uint8Array(32), by: three });
    await book.recover(recoveryAt({ index: 3, voters: [left], genesis: GENESIS_BODY }));
    const root = new Uint8Array(32);
    await book.learn([headBy([left], { index: 8, root, epoch: 1, by: some(2, 3) })]);
    await book.learn([link]);
    expect((await keysOf(machine, 'chain')).map(Number)).toEqual([4, 8]);
  });
});

describe('a node that ended while it followed a recovery', () => {
  it('starts, and forgets then what is given up', async () => {
    const { machine: source, link } = await recovered(20);
    const machine = await applied(18);
    const book = await openBook(machine);
    const four = some(1, 2, 3, 4);
    await book.learn([headBy(three, { index: 30, root: new Uint8Array(32), by: four })]);
    // That it follows is the first that was written, and was the last.
    await machine.store.batch([{ namespace: 'head', key: 'recovery', value: link }]);
    const again = await openBook(machine);
    expect([again.voters(), again.chainIndex]).toEqual([[left.peer], 21]);
    expect(await again.links(5, 9)).toEqual([]);
    expect(await machine.store.get('chain', '21'.padStart(16, '0'))).toEqual(link);
    expect(await machine.store.get('chain', '30'.padStart(16, '0'))).toBeUndefined();
    expect((await again.accept(await newHead(source))).head.epoch).toBe(1);
  });
});

describe('an installed state of another branch', () => {
  it('tells other voters than those that were read before', async () => {
    const { machine: ours } = await recovered(20);
    const { machine: theirs } = await recovered(22);
    let { state } = ours.meshLog;
    const log = {
      appliedIndex: 99,
      get state() {
        return state;
      },
    };
    const history = new VoterHistory(log, { index: 1, voters: names(some(1)) });
    expect(history.sets().map(({ index }) => index)).toEqual([1, 3, 5, 21]);
    state = theirs.meshLog.state;
    expect(history.sets().map(({ index }) => index)).toEqual([1, 3, 5, 23]);
  });
});

/** It follows the one in its log, and the one that it followed before is the rival. */
async function expectHalted(
  { health }: Machine,
  book: Awaited<ReturnType<typeof openBook>>,
  { link, followed }: { readonly link: Uint8Array; readonly followed: Uint8Array },
): Promise<void> {
  expect([book.epochs.newest?.bytes, book.epochs.rival?.bytes]).toEqual([link, followed]);
  expect([book.voters(), await book.links(5, 9)]).toEqual([[left.peer], [link]]);
  expect(health.list().map(({ code }) => code)).toEqual(['epoch-conflict']);
}

describe('two recoveries of one epoch', () => {
  it('are enough of three: the third is no news to whoever halted', async () => {
    const { machine } = await recovered(20);
    const book = await openBook(machine);
    const [second, third] = [2, 1].map((seed) => recoveryAt({ index: 20, voters: some(seed) }));
    let told = 0;
    book.onRecovery(() => told++);
    for (const link of [second, third, second, third]) await book.recover(link as Uint8Array);
    expect([told, book.epochs.rival?.bytes]).toEqual([1, second]);
  });

  it('stop a node, over a restart, until a later one says which goes on', async () => {
    const { machine, link } = await recovered(20);
    const book = await openBook(machine);
    const rival = recoveryAt({ index: 20, voters: some(2) });
    await book.recover(rival);
    expect(book.epochs.rival?.bytes).toEqual(rival);
    expect(book.epochs.current.id).not.toBe(book.epochs.rival?.id);
    expect(machine.health.list().map(({ code }) => code)).toEqual(['epoch-conflict']);
    const again = await openBook(machine);
    expect(again.epochs.rival?.bytes).toEqual(rival);
    const chosen = await recoverOn(machine, left, { epoch: 2, term: 9 });
    await again.recover(chosen);
    expect(again.epochs.rival).toBeUndefined();
    expect(machine.health.list()).toEqual([]);
    await again.recover(link);
    await again.recover(rival);
    expect([again.epochs.current.epoch, again.epochs.rival]).toEqual([2, undefined]);
  });

  it.each([20, 22])('stop a node whose log has come to hold the other one (%i)', async (index) => {
    const machine = await applied(20);
    const book = await openBook(machine);
    const followed = recoveryAt({ index, voters: some(2) });
    await book.recover(followed);
    expect(book.epochs.rival).toBeUndefined();
    let told = 0;
    book.onRecovery(() => told++);
    const link = await recoverOn(machine, left);
    await expect.poll(() => told).toBe(1);
    await expectHalted(machine, book, { link, followed });
    await expectHalted(machine, await openBook(machine), { link, followed });
  });

  it.each([20, 22])('stop it when it ended before it saw that (%i)', async (index) => {
    const { machine, link } = await recovered(20);
    const followed = recoveryAt({ index, voters: some(2) });
    await machine.store.batch([{ namespace: 'head', key: 'recovery', value: followed }]);
    await expectHalted(machine, await openBook(machine), { link, followed });
  });

  it('are both old news to who follows a later one already', async () => {
    const { machine } = await recovered(20, 2);
    const book = await openBook(machine);
    await book.recover(recoveryAt({ index: 20, voters: some(2) }));
    await book.recover(recoveryAt({ index: 20, voters: some(1) }));
    expect([book.epochs.current.epoch, book.epochs.rival]).toEqual([2, undefined]);
    expect(GENESIS.index).toBe(1);
  });
});
