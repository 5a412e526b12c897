import { describe, expect, it } from 'vitest';
import { HealthBook } from '../../../../daemon/system/health.ts';
import { type AppliedRun, AppliedStore } from '../../../../protocols/slurp/log/applied-store.ts';
import { appliedRecord } from '../../../../protocols/slurp/machine/stored.ts';
import { systemError } from '../../../../storage/faults.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { recordLogger } from '../../storage/record-logger.ts';
import { ManualClock, START_MS, Switches, settle } from '../mesh-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';

// Goal: the state may be behind on the disk, never in pieces, never far, and never for good.

const run = (index: number, size = 10): AppliedRun => ({
  changes: [],
  alongside: [{ namespace: 'tile', key: `${index}`, value: new Uint8Array(size) }],
  // A peak for each bit.
  frontier: {
    size: index,
    peaks: [...index.toString(2).replaceAll('0', '')].map(() => new Uint8Array(32)),
  },
  timeMs: START_MS,
  term: 1,
});

/** An {@link AppliedStore} on a store that writes what is deferred when it is told to. */
async function running() {
  let waiting: (() => void)[] = [];
  const faults = new Switches();
  let sync = Promise.resolve();
  const store = new MemoryStore({
    ...{ faults, sync: () => sync },
    later: (write) => waiting.push(write),
  });
  const clock = new ManualClock();
  const health = new HealthBook(recordLogger());
  const logger = recordLogger();
  const stored = new AppliedStore({ store, clock, health, logger });
  const stop = new AbortController();
  const { signal } = stop;
  await store.open();
  return {
    ...{ store, faults, clock, health, logger, stored, stop },
    save: (of: AppliedRun, isExact = false) => stored.save(of, { isExact, signal }),
    /** Synced writes take until the function is called that this returns. */
    holdSync(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      sync = promise;
      return resolve;
    },
    /** The deferred writes of now go to the disk. */
    write: () => {
      const due = waiting;
      waiting = [];
      for (const task of due) task();
    },
    /** How far the store would be after a kill. */
    async onDisk(): Promise<number> {
      const moment = store.snapshot();
      const mark = appliedRecord.decode(await moment.get('meta', 'applied'));
      await moment.close();
      return mark.frontier.size;
    },
  };
}

/** Whether a promise is settled by now. */
async function isDone(promise: Promise<void> | undefined): Promise<boolean> {
  let done = false;
  void promise?.finally(() => {
    done = true;
  });
  await settle();
  return done;
}

describe('a run that is stored', () => {
  expectNoUnhandled();

  it('is read at once, goes to the disk later, and is there at once when it is exact', async () => {
    const { store, save, onDisk } = await running();
    expect(save(run(1))).toBeUndefined();
    expect(save(run(2))).toBeUndefined();
    expect(appliedRecord.decode(store.getSync('meta', 'applied')).frontier.size).toBe(2);
    expect(await onDisk()).toBe(0);
    const exact = save(run(3), true);
    expect(exact).toBeInstanceOf(Promise);
    await exact;
    expect(await onDisk()).toBe(3);
    expect(store.getSync('tile', '1')).toBeDefined();
  });

  it('waits for the disk when 256 runs wait to be written', async () => {
    const { save, write } = await running();
    for (let index = 1; index <= 256; index++) expect(save(run(index))).toBeUndefined();
    const far = save(run(257));
    expect(await isDone(far)).toBe(false);
    write();
    expect(await isDone(far)).toBe(true);
    expect(save(run(258))).toBeUndefined();
  });

  it('waits for the disk when 4 MiB wait to be written', async () => {
    const { save, write } = await running();
    for (let index = 1; index <= 4; index++) {
      expect(save(run(index, 1_000 * 1024))).toBeUndefined();
    }
    const far = save(run(5, 1_000 * 1024));
    expect(await isDone(far)).toBe(false);
    write();
    expect(await isDone(far)).toBe(true);
    expect(save(run(6, 1_000 * 1024))).toBeUndefined();
  });

  it('counts only what is not written: those behind go on while a group is written', async () => {
    const { save, write } = await running();
    let index = 0;
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 100; i++) expect(save(run(++index))).toBeUndefined();
      write();
      // This one comes before the others are written.
      expect(save(run(++index))).toBeUndefined();
      await settle();
    }
  });

  it('is written after all when that failed, though nothing new is applied', async () => {
    const { store, faults, health, clock, save, write, onDisk } = await running();
    save(run(1));
    faults.fail('store:write', systemError('ENOSPC'));
    write();
    await clock.advance(1_200);
    expect(health.list().map(({ code }) => code)).toEqual(['store-failed']);
    expect(store.status).toBe('failed');
    faults.mend();
    await clock.advance(500);
    expect(store.status).toBe('open');
    expect(health.list()).toEqual([]);
    expect(await onDisk()).toBe(1);
    expect(store.getSync('tile', '1')).toBeDefined();
  });

  it('fills no disk with lines of the log while it cannot be written', async () => {
    const { faults, clock, save, write, logger } = await running();
    save(run(1));
    faults.fail('store:write', systemError('ENOSPC'));
    write();
    await clock.advance(60_000);
    const told = logger.lines.filter(({ level }) => level !== 'debug');
    expect(told.map(({ message }) => message)).toEqual([
      'the state cannot be stored; trying again',
    ]);
  });

  it('is written after all when somebody else opened the store and failed', async () => {
    const { store, faults, clock, save, write, onDisk, holdSync } = await running();
    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    const defer = store.defer.bind(store);
    store.defer = async (...args) => {
      await defer(...args).catch(async (error) => {
        await told;
        throw error;
      });
    };
    save(run(1));
    faults.fail('store:written', systemError('ENOSPC'));
    write();
    await settle();
    expect(store.status).toBe('failed');
    const release = holdSync();
    const opened = store.open();
    while (store.status !== 'open') await Promise.resolve();
    // Shares the write of what was kept, and holds it up.
    const other = store.batch([{ namespace: 'outbox', key: 'k' }], { sync: true });
    tell();
    await settle();
    expect(store.status).toBe('open');
    release();
    const outcomes = await Promise.allSettled([opened, other]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    faults.mend();
    await clock.advance(1_000);
    expect([store.status, await onDisk()]).toEqual(['open', 1]);
  });

  it('counts as waiting until it is written after all', async () => {
    const { faults, clock, save, write } = await running();
    for (let index = 1; index <= 256; index++) save(run(index));
    faults.fail('store:write', systemError('ENOSPC'));
    const far = save(run(257));
    write();
    await clock.advance(700);
    expect(await isDone(far)).toBe(false);
    faults.mend();
    await clock.advance(500);
    expect(await isDone(far)).toBe(true);
    expect(save(run(258))).toBeUndefined();
  });

  it('is tried again when it is exact, with what was deferred before it', async () => {
    const { faults, clock, save, onDisk } = await running();
    save(run(1));
    for (const point of ['store:write', 'store:written']) {
      faults.fail(point, systemError('ENOSPC'));
      const exact = save(run(2), true);
      await clock.advance(700);
      expect(await isDone(exact)).toBe(false);
      faults.mend();
      await clock.advance(500);
      expect(await isDone(exact)).toBe(true);
      expect(await onDisk()).toBe(2);
    }
  });

  it('leaves no part of an exact run when the process ends before the next try', async () => {
    for (const point of ['store:write', 'store:written']) {
      const { store, faults, save, stop, onDisk } = await running();
      save(run(1));
      faults.fail(point, systemError('ENOSPC'));
      const exact = save(run(2), true);
      await settle();
      expect(store.status).toBe('failed');
      faults.mend();
      // Somebody else opens it, and the process is killed before the run is tried again.
      await store.open();
      store.crash(Number.MAX_SAFE_INTEGER);
      stop.abort(new Error('killed'));
      await expect(exact).rejects.toThrow('killed');
      await store.open();
      const index = await onDisk();
      expect(index).toBeGreaterThanOrEqual(1);
      expect(store.getSync('tile', '1')).toBeDefined();
      expect(store.getSync('tile', '2') !== undefined).toBe(index === 2);
    }
  });

  it('is left to the owner of the store when that closes it', async () => {
    const { store, faults, clock, health, stop, save } = await running();
    save(run(1));
    faults.fail('store:write', systemError('ENOSPC'));
    stop.abort(new Error('the node stops'));
    await store.close();
    await clock.advance(2_000);
    expect([store.status, health.list()]).toEqual(['closed', []]);
  });

  it('is not tried again, nor the store opened, once the node stops', async () => {
    const { store, faults, clock, stop, save, write } = await running();
    save(run(1));
    faults.fail('store:write', systemError('ENOSPC'));
    stop.abort(new Error('the node stops'));
    write();
    await settle();
    faults.mend();
    await clock.advance(2_000);
    expect(store.status).toBe('failed');
  });
});
