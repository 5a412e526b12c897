import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AppliedEntry } from '../../../../protocols/slurp/index.ts';
import { forgetState } from '../../../../protocols/slurp/snapshot/install.ts';
import { systemError } from '../../../../storage/faults.ts';
import {
  batchOf,
  codeOf,
  dump,
  founder,
  GENESIS,
  issue,
  Machine,
  MESH,
  recordsOf,
  rename,
  rootOf,
  settle,
} from '../mesh-world.ts';

const batch = (seq: number) => batchOf(founder, { seq }, [issue(20 + seq), rename(`name ${seq}`)]);
const batches = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => batch(from + i));
const future = (seq: number) =>
  batchOf(founder, { seq }, [rename('half'), { kind: 'room.open', body: {} }]);

/** A machine that took the same batches and never failed. */
async function untroubled(count: number): Promise<Machine> {
  const machine = await Machine.open();
  await machine.take(batches(2, count));
  return machine;
}

describe('MeshLog', () => {
  it('applies in order and tells of each entry after it stands', async () => {
    const machine = await Machine.open();
    const { meshLog } = machine;
    const told: number[] = [];
    meshLog.onApplied((entry) => {
      expect(meshLog.appliedIndex).toBeGreaterThanOrEqual(entry.index);
      told.push(entry.index);
    });
    await machine.take(batches(2, 150));
    expect(told).toEqual(Array.from({ length: 150 }, (_, i) => i + 2));
    expect(meshLog.appliedRoot()).toEqual(rootOf(await machine.records()));
    expect(meshLog.tailRoot()).toEqual(meshLog.appliedRoot());
    const batchesOnDisk = recordsOf(batches(2, 2));
    expect(meshLog.rootsWith([]).length).toBe(0);
    const more = [...(await machine.records()), ...batchesOnDisk];
    expect(meshLog.rootsWith(batchesOnDisk.map(({ bytes }) => bytes)).at(-1)).toEqual(rootOf(more));
  });

  it('has the same state after a crash at any point', async () => {
    const log = fc.constantFrom('lost' as const, 'torn' as const, 'kept' as const);
    const step = fc.oneof(
      fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ do: fc.constant('crash' as const), log, storeBatches: fc.nat(4) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const machine = await Machine.open();
        let seq = 2;
        for (const it of steps) {
          if (it.do === 'crash') {
            // Whatever of the state's unsynced batches is left, the log has it all.
            await machine.restart({ log: it.log, storeBatches: it.storeBatches });
            continue;
          }
          const records = recordsOf(batches(seq, it.count), machine.meshLog.tailIndex + 1);
          seq += it.count;
          await machine.meshLog.append(records, machine.meshLog.tailIndex + it.count);
          if (it.do === 'take') await machine.meshLog.commitTo(machine.meshLog.tailIndex);
        }
        await machine.restart();
        const twin = await untroubled(seq - 2);
        expect(dump(machine.meshLog.state)).toEqual(dump(twin.meshLog.state));
        expect(machine.meshLog.appliedRoot()).toEqual(twin.meshLog.appliedRoot());
        expect(machine.meshLog.appliedTimeMs).toBe(twin.meshLog.appliedTimeMs);
      }),
      { numRuns: 40 },
    );
  });

  it('catches up when the program ended between the log and the state', async () => {
    const machine = await Machine.open();
    const records = recordsOf(batches(2, 3));
    await machine.meshLog.append(records, 4);
    expect(machine.meshLog.appliedIndex).toBe(1);
    await machine.restart();
    expect(machine.meshLog.appliedIndex).toBe(4);
    expect(machine.meshLog.term).toBe(2);
  });

  it('loses what was never synced to the log, and nothing else', async () => {
    const machine = await Machine.open();
    await machine.take(batches(2, 2));
    const appending = machine.meshLog.append(recordsOf(batches(4, 1), 4), 4);
    const outcome = codeOf(appending);
    await machine.restart({ log: 'lost' });
    expect(await outcome).toBe('ERR_STORAGE_NOT_OPEN');
    expect(machine.meshLog.tailIndex).toBe(3);
  });

  it('does not apply what is held and not committed, and forgets it when told to', async () => {
    const machine = await Machine.open();
    const { meshLog } = machine;
    await meshLog.append(recordsOf(batches(2, 3)), 1);
    expect([meshLog.appliedIndex, meshLog.commitIndex, meshLog.tailIndex]).toEqual([1, 1, 4]);
    await machine.restart();
    expect(machine.meshLog.tailIndex).toBe(4);
    expect(machine.meshLog.appliedIndex).toBe(1);
    await machine.meshLog.dropUncommitted();
    expect(machine.meshLog.tailIndex).toBe(1);
    expect(machine.meshLog.tailRoot()).toEqual(rootOf([GENESIS]));
    await machine.take(batches(2, 1));
    expect(machine.meshLog.appliedIndex).toBe(2);
  });

  it('tries until the store works again, loses nothing and applies nothing twice', async () => {
    const machine = await Machine.open();
    const { meshLog, faults, health, clock } = machine;
    const told: AppliedEntry[] = [];
    meshLog.onApplied((entry) => told.push(entry));
    for (const point of ['store:write', 'store:written']) {
      faults.fail(point, systemError('ENOSPC'));
      const before = meshLog.appliedIndex;
      // The log has the first one: it is applied, and waits to be written.
      await machine.take(batches(before + 1, 1));
      const taking = machine.take(batches(before + 2, 2));
      await clock.advance(5_000);
      expect(meshLog.appliedIndex).toBe(before + 1);
      expect(health.list().map(({ code }) => code)).toEqual(['store-failed']);
      faults.mend();
      await clock.advance(1_000);
      await taking;
      expect(meshLog.appliedIndex).toBe(before + 3);
      expect(health.list()).toEqual([]);
    }
    expect(told.map(({ index }) => index)).toEqual([2, 3, 4, 5, 6, 7]);
    await machine.restart();
    expect(dump(machine.meshLog.state)).toEqual(dump((await untroubled(6)).meshLog.state));
  });

  it('leaves a store alone that its owner has closed', async () => {
    const machine = await Machine.open();
    await machine.store.close();
    const taking = codeOf(machine.take([batch(2)]));
    await machine.clock.advance(2_000);
    expect(machine.store.status).toBe('closed');
    await machine.meshLog.close();
    expect(await taking).toBe('ERR_STORAGE_NOT_OPEN');
  });

  it('ends when it is closed while the store fails; the log has the rest', async () => {
    const machine = await Machine.open();
    machine.faults.fail('store:write', systemError('ENOSPC'));
    await machine.take([batch(2)]);
    const taking = codeOf(machine.take([batch(3)]));
    await machine.clock.advance(1_200);
    await machine.meshLog.close();
    expect(await taking).toBe('ERR_STORAGE_NOT_OPEN');
    machine.faults.mend();
    await machine.restart();
    expect(machine.meshLog.appliedIndex).toBe(3);
  });

  it('lets go of a caller that gives up, and applies all the same', async () => {
    const machine = await Machine.open();
    const { meshLog, faults, clock } = machine;
    faults.fail('store:write', systemError('ENOSPC'));
    await machine.take([batch(2)]);
    await meshLog.append(recordsOf([batch(3)], 3), 3);
    const given = new AbortController();
    const waiting = codeOf(meshLog.commitTo(3, given.signal));
    await clock.advance(100);
    given.abort(new Error('enough'));
    expect(await waiting).toBe('Error: enough');
    faults.mend();
    await clock.advance(1_000);
    expect(meshLog.appliedIndex).toBe(3);
  });

  it('stops at an entry of a newer program, says so, and skips nothing', async () => {
    const machine = await Machine.open();
    const { meshLog, health } = machine;
    const taking = machine.take([batch(2), future(3), batch(4)]);
    expect(await codeOf(taking)).toBe('ERR_SLURP_LEVEL');
    expect(meshLog.appliedIndex).toBe(2);
    expect(meshLog.halted).toMatchObject({ code: 'ERR_SLURP_LEVEL', details: { index: 3 } });
    expect(health.list().map(({ code }) => code)).toEqual(['upgrade-needed']);
    // Nothing of the entry that stops it: not in memory, and not on the disk.
    expect(dump(meshLog.state)).toEqual(dump((await untroubled(1)).meshLog.state));
    expect(await codeOf(meshLog.commitTo(4))).toBe('ERR_SLURP_LEVEL');
    expect(await codeOf(machine.restart())).toBe('ERR_SLURP_LEVEL');
    expect(dump(machine.meshLog.state)).toEqual(dump((await untroubled(1)).meshLog.state));
  });

  it('tells a listener no more that has had enough', async () => {
    const machine = await Machine.open();
    const told: string[] = [];
    const end = machine.meshLog.onApplied(({ index }) => told.push(`first ${index}`));
    machine.meshLog.onApplied(({ index }) => told.push(`second ${index}`));
    await machine.take(batches(2, 1));
    end();
    await machine.take(batches(3, 1));
    expect(told).toEqual(['first 2', 'second 2', 'second 3']);
  });

  it('does not let a listener that fails stop the others or the log', async () => {
    const machine = await Machine.open();
    const told: number[] = [];
    machine.meshLog.onApplied(() => {
      throw new Error('not mine');
    });
    machine.meshLog.onApplied(({ index }) => told.push(index));
    await machine.take(batches(2, 2));
    expect(told).toEqual([2, 3]);
    expect(machine.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(2);
  });

  it('writes the hooks with the state, in one batch', async () => {
    const machine = await Machine.open();
    machine.meshLog.addHook(({ index }) => [
      { namespace: 'outbox', key: String(index), value: new Uint8Array([index]) },
    ]);
    await machine.take([batch(2)]);
    expect(await machine.store.get('outbox', '2')).toEqual(new Uint8Array([2]));
    // An unsynced batch is lost as a whole or not at all.
    await machine.restart({ storeBatches: 0 });
    expect(machine.meshLog.appliedIndex).toBe(2);
  });

  it('refuses a log that ends before what was applied or committed of it', async () => {
    const machine = await Machine.open();
    await machine.take(batches(2, 3));
    await machine.log.truncateFrom(3);
    expect(await codeOf(machine.restart({ storeBatches: 1_000 }))).toBe('ERR_STORAGE_DAMAGED');
  });

  it('finds its end anew after a failed append, whatever the disk kept of it', async () => {
    for (const point of ['log:write', 'log:synced']) {
      const machine = await Machine.open();
      const { meshLog, faults } = machine;
      faults.fail(point, systemError('ENOSPC'));
      const appending = meshLog.append(recordsOf([batch(2)]), 2);
      expect(await codeOf(appending)).toBe('ERR_STORAGE_DISK_FULL');
      expect(meshLog.isLogFailed).toBe(true);
      expect(meshLog.tailIndex).toBe(1);
      faults.mend();
      await meshLog.reopenLog();
      expect(meshLog.isLogFailed).toBe(false);
      expect(meshLog.tailIndex).toBe(point === 'log:write' ? 1 : 2);
      expect(meshLog.tailRoot()).toEqual(rootOf(await machine.records()));
    }
  });

  it('never goes back to an earlier term, whatever it appends', async () => {
    const machine = await Machine.open();
    await machine.meshLog.persist([], { term: 7, vote: founder.peer, commit: 1 });
    await machine.meshLog.append(recordsOf(batches(2, 2)), 1);
    expect(machine.log.hardState).toEqual({ term: 7, vote: founder.peer, commit: 1 });
    await machine.meshLog.dropUncommitted();
    expect(machine.meshLog.term).toBe(7);
    await machine.meshLog.append(recordsOf(batches(2, 1), 2, { term: 9 }), 1);
    await machine.restart();
    expect(machine.meshLog.term).toBe(9);
  });

  it('goes by the commit index that its disk turns out to hold, and applies that', async () => {
    const machine = await Machine.open();
    const { meshLog, faults } = machine;
    faults.fail('log:synced', systemError('ENOSPC'));
    const records = recordsOf(batches(2, 3));
    expect(await codeOf(meshLog.append(records, 3))).toBe('ERR_STORAGE_DISK_FULL');
    faults.mend();
    await meshLog.reopenLog();
    expect([meshLog.appliedIndex, meshLog.commitIndex, meshLog.tailIndex]).toEqual([3, 3, 4]);
    await meshLog.dropUncommitted();
    await machine.restart();
    expect(machine.meshLog.tailIndex).toBe(3);
  });

  it('does not go by what can be read after a failed sync, ever', async () => {
    const tries: ((meshLog: Machine['meshLog']) => Promise<void>)[] = [
      (meshLog) => meshLog.append(recordsOf([batch(4)], 4), 2),
      (meshLog) => meshLog.truncateFrom(3),
    ];
    for (const write of tries) {
      const machine = await Machine.open();
      const { meshLog, faults } = machine;
      await meshLog.append(recordsOf(batches(2, 2)), 1);
      faults.fail('log:sync', systemError('EIO'));
      expect(await codeOf(write(meshLog))).toBe('ERR_STORAGE_IO');
      faults.mend();
      for (let again = 0; again < 2; again++) {
        await expect(meshLog.reopenLog()).rejects.toMatchObject({ details: { fatal: true } });
        expect(meshLog.isLogFailed).toBe(true);
      }
    }
  });

  it('does not take back what it called committed when its state is replaced', async () => {
    const machine = await Machine.open();
    const { meshLog, store, log } = machine;
    // Its disk hears of a commit with the next write: none came.
    await meshLog.append(recordsOf(batches(2, 5)), 2);
    await meshLog.commitTo(4);
    expect(log.hardState.commit).toBe(2);
    const seen: number[] = [];
    let later = Promise.resolve();
    await meshLog.replace(async () => {
      await forgetState(store);
      later = meshLog.commitTo(5).then(() => void seen.push(meshLog.appliedIndex));
    });
    seen.push(meshLog.commitIndex);
    await later;
    expect([...seen, meshLog.tailIndex].sort()).toEqual([5, 5, 6]);
    expect(dump(meshLog.state)).toEqual(dump((await untroubled(4)).meshLog.state));
  });

  it('holds nothing for committed that a state of another branch cuts off', async () => {
    const machine = await Machine.open();
    const { meshLog, store, log } = machine;
    await machine.take(batches(2, 4));
    await meshLog.replace(async () => {
      await forgetState(store);
      await log.append([], { ...log.hardState, commit: 3 });
      await log.truncateFrom(4);
    });
    expect([meshLog.appliedIndex, meshLog.commitIndex, meshLog.tailIndex]).toEqual([3, 3, 3]);
  });

  it('is in no earlier term than the state that was installed', async () => {
    const other = await untroubled(4);
    const machine = await Machine.open();
    const { meshLog, store, log } = machine;
    await meshLog.replace(async () => {
      for (const namespace of ['state', 'meta'] as const) {
        for await (const [key, value] of other.store.entries(namespace)) {
          await store.batch([{ namespace, key, value }]);
        }
      }
      // Nothing of what the state is made of is in the log, and this node has never voted.
      await log.compactBefore(other.meshLog.appliedIndex + 1);
    });
    expect([log.hardState.term, meshLog.appliedIndex, meshLog.term]).toEqual([1, 5, 2]);
    await meshLog.append(recordsOf([batch(6)], 6, { term: 2 }), 5);
    expect(log.hardState.term).toBe(2);
  });

  it('knows its mesh', async () => {
    const { meshLog } = await Machine.open();
    await settle();
    expect(meshLog.meshId).toBe(MESH);
  });
});
