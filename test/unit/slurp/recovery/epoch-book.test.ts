import { describe, expect, it } from 'vitest';
import type { StateReader } from '../../../../protocols/interface/index.ts';
import { EpochBook, RECOVERY_KEYS } from '../../../../protocols/slurp/index.ts';
import { verifyRecovery } from '../../../../protocols/slurp/recovery/recovery-link.ts';
import { cidOf, encodeCanonical, merkleRoot } from '../../../../protocols/wire/index.ts';
import { refused, some } from '../heads/voters.ts';
import {
  batchOf,
  crypto,
  decodedBatch,
  founder,
  GENESIS,
  Machine,
  MESH,
  operator,
} from '../mesh-world.ts';
import { forger, GENESIS_BODY, recoveryAt } from './recovery-world.ts';

/** A node that has no state, and these rows in its store. */
async function openEmpty(rows: Readonly<Record<string, Uint8Array>> = {}) {
  const { store, health } = await Machine.open();
  const state = { get: () => undefined, size: () => 0 } as unknown as StateReader;
  const meshLog = { meshId: MESH, appliedIndex: 0, state, frontierAt: () => undefined };
  for (const [key, value] of Object.entries(rows)) {
    await store.batch([{ namespace: 'head', key, value }]);
  }
  const book = new EpochBook({ meshLog, store, crypto, health });
  await book.open();
  return { book, meshLog, store, health };
}

/** Without a genesis in it. */
const bare = recoveryAt({ index: 9, voters: some(1) });

describe('EpochBook without a state', () => {
  it('cannot tell who signed a recovery that names no genesis', async () => {
    const { book } = await openEmpty();
    expect(book.key).toBeUndefined();
    expect(() => book.verify(bare)).toThrow(refused('recovery'));
  });

  it('goes by the genesis that its home has kept', async () => {
    expect(RECOVERY_KEYS).toContain('genesis');
    const { book } = await openEmpty({ genesis: decodedBatch(GENESIS) });
    expect(book.key).toEqual(operator.publicKey);
    expect(book.verify(bare).epoch).toBe(1);
    const forged = recoveryAt({ index: 9, voters: some(1), by: forger });
    expect(() => book.verify(forged)).toThrow(refused('signature'));
  });

  it('goes by the genesis in the recovery that it follows', async () => {
    const { book, meshLog, store, health } = await openEmpty();
    await book.adopt(book.verify(recoveryAt({ index: 9, genesis: GENESIS_BODY })));
    const later = recoveryAt({ index: 20, epoch: 2 });
    expect(book.verify(later).epoch).toBe(2);
    const again = new EpochBook({ meshLog, store, crypto, health });
    await again.open();
    expect(again.verify(later).epoch).toBe(2);
  });

  it('goes by the key of the state that was set aside for a recovery', async () => {
    const machine = await Machine.open();
    const had = new EpochBook({ ...machine, meshLog: machine.meshLog, crypto });
    await had.open();
    await had.adopt(had.verify(bare));
    const rows: Record<string, Uint8Array> = {};
    for (const key of RECOVERY_KEYS) {
      const value = await machine.store.get('head', key);
      if (value !== undefined) rows[key] = value;
    }
    expect(rows).not.toHaveProperty('genesis');
    const { book } = await openEmpty(rows);
    expect(book.key).toEqual(operator.publicKey);
    // As it comes with the links, and a later one.
    expect(book.judge(book.verify(bare))).toBe('known');
    expect(book.verify(recoveryAt({ index: 20, epoch: 2 })).epoch).toBe(2);
    const [damaged] = Object.keys(rows).filter((key) => rows[key]?.length === 32);
    expect(damaged).toBeDefined();
    expect((await openEmpty({ [damaged as string]: Uint8Array.of(1) })).book.key).toBeUndefined();
  });

  it('takes no key out of a damaged genesis, nor out of another mesh’s', async () => {
    const other = encodeCanonical({ v: 1, recovery: forger.publicKey });
    expect(cidOf(crypto.sha256, other)).not.toBe(MESH);
    const foreign = batchOf(founder, { seq: 1 }, [{ kind: 'mesh.genesis', body: {} }]);
    for (const genesis of [Uint8Array.of(1, 2, 3), other, foreign]) {
      expect((await openEmpty({ genesis })).book.key).toBeUndefined();
    }
  });
});

describe('what a recovery leaves out', () => {
  const root = new Uint8Array(32).fill(5);
  const leaf = { size: 9, peaks: [root] };

  /** A node at that index of the first epoch that follows a recovery behind entry 9, or none. */
  async function openAt(appliedIndex: number, { frontier = leaf, isFollowing = true } = {}) {
    const { store, health } = await Machine.open();
    const state = { get: () => undefined, size: () => 0 } as unknown as StateReader;
    const meshLog = { meshId: MESH, appliedIndex, state, frontierAt: () => frontier };
    const book = new EpochBook({ meshLog, store, crypto, health });
    await book.open();
    const bytes = recoveryAt({ index: 9, root: merkleRoot(crypto.sha256, leaf) });
    if (isFollowing) {
      const named = { mesh: MESH, key: operator.publicKey };
      await book.adopt(verifyRecovery(crypto, named, bytes));
    }
    return book;
  }

  it('is nothing while none is followed', async () => {
    const book = await openAt(10, { isFollowing: false });
    for (let i = 0; i < 10; i++) book.misfit();
    expect([book.isBehind, book.awaitedIndex, book.isSuperseded]).toEqual([
      false,
      undefined,
      false,
    ]);
  });

  it('is what is applied behind its place, and what is another log at it', async () => {
    const other = { size: 9, peaks: [new Uint8Array(32)] };
    const superseded = await Promise.all([
      openAt(8, { frontier: other }),
      openAt(9),
      openAt(9, { frontier: other }),
      openAt(10),
    ]);
    expect(superseded.map((book) => book.isSuperseded)).toEqual([false, false, true, true]);
    expect(superseded.map((book) => book.awaitedIndex)).toEqual([9, 9, 9, 9]);
  });

  it('is what does not fit again and again, unless it does in between', async () => {
    const book = await openAt(5);
    for (const expected of [false, false]) {
      book.misfit();
      expect(book.isSuperseded).toBe(expected);
    }
    book.fit();
    for (const expected of [false, false, true]) {
      book.misfit();
      expect(book.isSuperseded).toBe(expected);
    }
  });
});
