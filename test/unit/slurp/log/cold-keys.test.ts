import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MetricsBook } from '../../../../daemon/system/metrics.ts';
import type {
  ColdTable,
  KeyValueStore,
  StoreSnapshot,
  StoreWrite,
} from '../../../../protocols/interface/index.ts';
import { ColdKeys } from '../../../../protocols/slurp/log/cold-keys.ts';
import { stateKey } from '../../../../protocols/slurp/machine/stored.ts';
import { systemError } from '../../../../storage/faults.ts';
import { LevelStore } from '../../../../storage/level-store.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { recordLogger } from '../../storage/record-logger.ts';
import { ManualClock, Switches, settle } from '../mesh-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';

// Goal: nothing that stands in the store is ever taken for absent, whatever happens while the keys
// are read; and once they are read, what is not there is known.

const row = (table: ColdTable, key: string): StoreWrite => ({
  ...{ namespace: 'state', key: stateKey.format(table, key), value: new Uint8Array([1]) },
});
const submissions = (count: number) =>
  Array.from({ length: count }, (_, i) => row('submission', `s${i}`));
const change = (key: string) => ({ table: 'submission', key, value: 'any' }) as const;

/** A store whose pages come when they are let through, and that says what was read. */
async function reading(rows: readonly StoreWrite[], options: { readonly isHeld?: boolean } = {}) {
  const faults = new Switches();
  const store = new MemoryStore({ faults });
  await store.open();
  if (rows.length > 0) await store.batch(rows);
  const read: string[] = [];
  const open = new Set<StoreSnapshot>();
  let waiting: (() => void)[] = [];
  let isHeld = options.isHeld === true;
  const snapshot = (): StoreSnapshot => {
    const moment = store.snapshot();
    open.add(moment);
    return {
      ...{ get: moment.get.bind(moment), entries: moment.entries.bind(moment) },
      pages: async function* (...args) {
        for await (const page of moment.pages(...args)) {
          if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve));
          read.push(...page.map(([key]) => key));
          yield page;
        }
      },
      close: async () => {
        open.delete(moment);
        await moment.close();
      },
    };
  };
  const slow: KeyValueStore = new Proxy(store, {
    get: (target, name) => {
      if (name === 'snapshot') return snapshot;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const clock = new ManualClock();
  const metrics = new MetricsBook();
  const logger = recordLogger();
  const random = { bytes: (count: number) => new Uint8Array(count).fill(7), fraction: () => 0 };
  const keys = new ColdKeys({ store: slow, clock, random, metrics, logger });
  /** One page goes through. */
  const pass = async (): Promise<void> => {
    const due = waiting;
    waiting = [];
    for (const resolve of due) resolve();
    await settle();
  };
  return {
    ...{ store, faults, clock, metrics, logger, keys, read, open },
    pass,
    /** All pages go through from now on. */
    release: async (): Promise<void> => {
      isHeld = false;
      await pass();
    },
    absent: (key: string, table: ColdTable = 'submission') => keys.isAbsent(table, key),
  };
}

describe('the keys of the cold tables', () => {
  expectNoUnhandled();

  it('are known at once of a state without rows, and then with each that is put', async () => {
    const { keys, absent, read } = await reading([]);
    expect(absent('a')).toBe(false);
    keys.begin();
    expect(absent('a')).toBe(true);
    keys.put([change('a'), { table: 'addressed', key: 'b' }]);
    expect(absent('a')).toBe(false);
    expect(absent('a', 'addressed')).toBe(true);
    expect(read).toEqual([]);
  });

  it('are read from the store, and nothing is known before all are', async () => {
    const world = await reading(submissions(30), { isHeld: true });
    const { keys, absent, read, pass } = world;
    keys.learn();
    await settle();
    for (let passed = 0; read.length < 30 || passed === 0; passed++) {
      expect(absent('none')).toBe(false);
      await pass();
    }
    await keys.idle();
    expect(absent('none')).toBe(true);
    for (let i = 0; i < 30; i++) expect(absent(`s${i}`)).toBe(false);
    expect(world.open.size).toBe(0);
  });

  it('are those that were put while they were read, too', async () => {
    const { keys, absent, pass, release, store, clock } = await reading(submissions(30), {
      isHeld: true,
    });
    keys.learn();
    for (let i = 0; i < 20; i++) {
      keys.put([change(`new ${i}`)]);
      await store.batch([row('submission', `new ${i}`)]);
      await pass();
      expect(absent(`new ${i}`)).toBe(false);
    }
    await release();
    await clock.advance(10);
    await keys.idle();
    expect(absent('none')).toBe(true);
    for (let i = 0; i < 20; i++) expect(absent(`new ${i}`)).toBe(false);
    for (let i = 0; i < 30; i++) expect(absent(`s${i}`)).toBe(false);
  });

  it('are not known of tables in which nothing is looked for in vain', async () => {
    const { keys, absent } = await reading([]);
    keys.begin();
    for (const table of ['called', 'content', 'decision', 'revision', 'submitted'] as const) {
      expect(absent('a', table)).toBe(false);
    }
    for (const table of ['addressed', 'attached', 'call', 'revised', 'submission'] as const) {
      expect(absent('a', table)).toBe(true);
      keys.put([{ table, key: 'a', value: 'any' }]);
      expect(absent('a', table)).toBe(false);
    }
  });

  it('are read past what nobody looks for', async () => {
    const bucket = stateKey.format('content', 'x').slice(0, 4);
    const of = (table: string) =>
      Array.from({ length: 200 }, (_, i) => `${bucket}/${table}/${String(i).padStart(3, '0')}`);
    const tables = ['addressed', 'call', 'called', 'content', 'decision', 'submission', 'version'];
    const rows = tables.flatMap(of).map((key) => ({
      ...{ namespace: 'state', key, value: new Uint8Array([1]) },
    })) as StoreWrite[];
    const { keys, absent, read, clock } = await reading([...rows, ...submissions(40)]);
    keys.learn();
    await clock.advance(100);
    await keys.idle();
    expect(absent('none')).toBe(true);
    for (const table of ['addressed', 'call', 'submission'] as const) {
      for (let i = 0; i < 200; i++) {
        expect(absent(String(i).padStart(3, '0'), table)).toBe(false);
      }
    }
    for (let i = 0; i < 40; i++) expect(absent(`s${i}`)).toBe(false);
    // Of the 800 others a page or two each.
    expect(read.length).toBeLessThan(740);
  });

  it('are forgotten at once, and what is still read of them counts for nothing', async () => {
    const { keys, absent, release, open } = await reading(submissions(30), { isHeld: true });
    keys.learn();
    await settle();
    keys.forget();
    await release();
    await keys.idle();
    expect(absent('none')).toBe(false);
    expect(open.size).toBe(0);
  });

  it('of another state take their place, also while the first are read', async () => {
    const { keys, absent, pass, release, store } = await reading(submissions(30), {
      isHeld: true,
    });
    keys.learn();
    await pass();
    keys.forget();
    await store.batch(submissions(30).map(({ namespace, key }) => ({ namespace, key })));
    await store.batch([row('submission', 'other')]);
    keys.learn();
    expect(absent('none')).toBe(false);
    await release();
    await keys.idle();
    expect(absent('other')).toBe(false);
    expect(absent('s1')).toBe(true);
  });

  it('are read no further once it is closed', async () => {
    const { keys, pass, read, open, clock, absent } = await reading(submissions(3_000), {
      isHeld: true,
    });
    keys.learn();
    await pass();
    const closed = keys.close();
    const before = read.length;
    await pass();
    await closed;
    expect(read.length).toBeLessThanOrEqual(before + 7);
    expect(open.size).toBe(0);
    expect(clock.timerCount).toBe(0);
    expect(absent('none')).toBe(false);
  });

  it('of many rows are read in slices, with a rest after each, that a stop ends', async () => {
    const { keys, read, clock, absent } = await reading(submissions(3_000));
    keys.learn();
    await settle();
    expect(read.length).toBeLessThan(1_100);
    expect(clock.timerCount).toBe(1);
    await clock.advance(1);
    expect(read.length).toBeGreaterThan(1_100);
    expect(read.length).toBeLessThan(2_200);
    await clock.advance(5);
    expect(absent('none')).toBe(true);
    keys.learn();
    await settle();
    await keys.close();
    expect(clock.timerCount).toBe(0);
  });

  it('are read on when the store had failed meanwhile, with what was put since', async () => {
    const world = await reading(submissions(30), { isHeld: true });
    const { keys, absent, pass, release, store, faults, clock } = world;
    keys.learn();
    await pass();
    faults.fail('store:write', systemError('ENOSPC'));
    keys.put([change('new')]);
    const written = store.defer([row('submission', 'new')]);
    await expect(written).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
    expect(store.status).toBe('failed');
    await release();
    await clock.advance(600);
    expect(absent('none')).toBe(false);
    faults.mend();
    await store.open();
    await clock.advance(600);
    await keys.idle();
    expect(absent('none')).toBe(true);
    expect(absent('new')).toBe(false);
    for (let i = 0; i < 30; i++) expect(absent(`s${i}`)).toBe(false);
    expect(world.logger.lines).toEqual([]);
  });

  it('stay unknown when the store cannot be read, which is told', async () => {
    const world = await reading([{ ...row('submission', 'x'), key: '~damaged' }]);
    world.keys.learn();
    await world.keys.idle();
    expect(world.absent('none')).toBe(false);
    expect(world.logger.lines).toHaveLength(1);
    expect(world.open.size).toBe(0);
  });

  it('that were deleted may be there, as far as is known', async () => {
    const { keys, absent } = await reading(submissions(1));
    keys.learn();
    await keys.idle();
    keys.put([{ table: 'submission', key: 's0' }]);
    expect(absent('s0')).toBe(false);
  });

  it('are counted, with what was asked for', async () => {
    const { keys, absent, metrics } = await reading(submissions(3));
    const lookups = (outcome: string) =>
      metrics.read('cooee_slurp_cold_lookups_total', { outcome });
    keys.learn();
    absent('none');
    await keys.idle();
    expect(metrics.read('cooee_slurp_cold_keys')).toBe(3);
    for (const key of ['s1', 'a', 'b']) absent(key);
    absent('s1', 'content');
    keys.put([change('a')]);
    expect(metrics.read('cooee_slurp_cold_keys')).toBe(4);
    expect([lookups('absent'), lookups('perhaps')]).toEqual([2, 2]);
    keys.forget();
    expect(metrics.read('cooee_slurp_cold_keys')).toBe(0);
  });

  it('are read from LevelDB, whose end may come in between', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cooee-keys-'));
    const store = new LevelStore({}, { directory });
    const { clock, metrics, logger } = await reading([]);
    const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0 };
    await store.open();
    await store.batch(submissions(5_000));
    const keys = new ColdKeys({ store, clock, random, metrics, logger });
    const known = () => keys.isAbsent('submission', 'none');
    keys.learn();
    await keys.close();
    keys.learn();
    await clock.advance(1);
    await store.close();
    await clock.advance(10);
    await keys.idle();
    expect(known()).toBe(false);
    expect(logger.lines.map(({ message }) => message)).toEqual([
      'the keys of the state could not be read',
    ]);
    await store.open();
    keys.learn();
    while (!known()) await clock.advance(1);
    for (let i = 0; i < 5_000; i++) expect(keys.isAbsent('submission', `s${i}`)).toBe(false);
    await store.close();
    await rm(directory, { recursive: true });
  });
});
