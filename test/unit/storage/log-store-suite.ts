import { describe, expect, it } from 'vitest';
import type { HardState, LogRecord, LogStore } from '../../../protocols/interface/index.ts';
import { type FaultPoint, type Faults, systemError } from '../../../storage/faults.ts';

/** One imagined or real disk with a log on it. */
export interface LogBench {
  readonly log: LogStore;
  readonly faults: SwitchFaults;
  /** A payload of which seventeen are more than may wait at once. */
  readonly largeBytes: number;
  /** Another process on the same disk: what was not durable is gone. */
  reborn(): Promise<LogStore>;
}

/** Faults that a test switches on. */
export class SwitchFaults implements Faults {
  #point: FaultPoint | null = null;
  #code: 'ENOSPC' | 'EIO' = 'ENOSPC';
  hits: FaultPoint[] = [];

  hit(point: FaultPoint): void {
    this.hits.push(point);
    if (point === this.#point) throw systemError(this.#code);
  }

  failAt(point: FaultPoint | null, code: 'ENOSPC' | 'EIO' = 'ENOSPC'): void {
    this.#point = point;
    this.#code = code;
  }
}

export const record = (index: number, term = 1, size = 10): LogRecord => ({
  index,
  term,
  bytes: new Uint8Array(size).fill((index * 31 + term) % 256),
});

export const records = (from: number, to: number, term = 1): LogRecord[] =>
  Array.from({ length: to - from + 1 }, (_, i) => record(from + i, term));

export const readAll = async (log: LogStore): Promise<readonly LogRecord[]> => {
  const all: LogRecord[] = [];
  while (log.firstIndex + all.length <= log.lastIndex) {
    all.push(...(await log.read(log.firstIndex + all.length, 100, 1e6)));
  }
  return all;
};

const STATE: HardState = { term: 3, vote: '12D3KooWvoter', commit: 2 };

/** The suite that every LogStore passes, whatever it is made of. */
export function logStoreSuite(name: string, makeBench: () => Promise<LogBench>): void {
  describe(`${name}: a LogStore`, () => {
    lifecycle(makeBench);
    contents(makeBench);
    marks(makeBench);
    marksAfterFailures(makeBench);
    forgetting(makeBench);
    failures(makeBench);
  });
}

const notOpen = { code: 'ERR_STORAGE_NOT_OPEN' };

const everyCall = (log: LogStore): Promise<unknown>[] => [
  log.append([record(log.lastIndex + 1)]),
  log.append([]),
  log.append([], STATE),
  log.read(1, 1, 1),
  log.truncateFrom(1),
  log.compactBefore(1),
  log.mark('lost-state', 1),
];

function lifecycle(makeBench: () => Promise<LogBench>): void {
  it('is closed at first, refuses every call, and can be closed again', async () => {
    const { log } = await makeBench();
    expect(log.status).toBe('closed');
    for (const call of everyCall(log)) await expect(call).rejects.toMatchObject(notOpen);
    await log.close();
    await log.close();
    expect(log.status).toBe('closed');
  });

  it('opens empty', async () => {
    const { log } = await makeBench();
    expect(await log.open()).toEqual({ tornBytes: 0 });
    expect(await log.open()).toEqual({ tornBytes: 0 });
    expect([log.status, log.firstIndex, log.lastIndex]).toEqual(['open', 1, 0]);
    expect(log.hardState).toEqual({ term: 0, vote: null, commit: 0 });
    expect(await log.read(1, 10, 1000)).toEqual([]);
    await log.close();
  });

  it('keeps everything over close and open, and refuses calls in between', async () => {
    const { log } = await makeBench();
    await log.open();
    await log.append(records(1, 5), STATE);
    await log.close();
    for (const call of everyCall(log)) await expect(call).rejects.toMatchObject(notOpen);
    await log.open();
    expect(await readAll(log)).toEqual(records(1, 5));
    expect(log.hardState).toEqual(STATE);
    await log.close();
  });

  it('writes what waits before it closes', async () => {
    const { log, reborn } = await makeBench();
    await log.open();
    const appended = log.append(records(1, 3));
    await log.close();
    await appended;
    const again = await reborn();
    await again.open();
    expect(again.lastIndex).toBe(3);
    await again.close();
  });
}

function contents(makeBench: () => Promise<LogBench>): void {
  it('shows records when they are durable, and then to a new process too', async () => {
    const { log, reborn } = await makeBench();
    await log.open();
    const done = log.append(records(1, 3), STATE);
    expect(log.lastIndex).toBe(0);
    await done;
    expect(log.lastIndex).toBe(3);
    const again = await reborn();
    await again.open();
    expect(await readAll(again)).toEqual(records(1, 3));
    expect(again.hardState).toEqual(STATE);
    await again.close();
  });

  it('acknowledges concurrent appends in their order, with fewer syncs than calls', async () => {
    const { log, faults } = await makeBench();
    await log.open();
    const order: number[] = [];
    faults.hits = [];
    const calls = records(1, 64).map(async (one) => {
      await log.append([one]);
      order.push(one.index);
    });
    await Promise.all(calls);
    expect(order).toEqual(records(1, 64).map((one) => one.index));
    expect(faults.hits.filter((point) => point === 'log:sync').length).toBeLessThan(10);
    expect(await readAll(log)).toEqual(records(1, 64));
    await log.close();
  });

  it('bounds what it reads by count and bytes, but gives one record at least', async () => {
    const { log } = await makeBench();
    await log.open();
    await log.append(records(1, 10));
    expect((await log.read(3, 2, 1e6)).map((one) => one.index)).toEqual([3, 4]);
    expect((await log.read(3, 10, 1)).map((one) => one.index)).toEqual([3]);
    expect((await log.read(3, 10, 60)).length).toBeLessThan(8);
    expect(await log.read(11, 10, 1e6)).toEqual([]);
    expect(await log.read(1, 0, 1e6)).toEqual([]);
    await log.close();
  });

  it('refuses a hole, a repetition, a truncation below its start, a bad hard state', async () => {
    const { log } = await makeBench();
    await log.open();
    await log.append(records(1, 2));
    const refused = { code: 'ERR_STORAGE_SEQUENCE' };
    await expect(log.append([record(4)])).rejects.toMatchObject(refused);
    await expect(log.append([record(2)])).rejects.toMatchObject(refused);
    await expect(log.append([record(3), record(5)])).rejects.toMatchObject(refused);
    await expect(log.truncateFrom(0)).rejects.toMatchObject(refused);
    await expect(log.append([], { ...STATE, term: -1 })).rejects.toMatchObject(refused);
    await expect(log.append([], { ...STATE, vote: '' })).rejects.toMatchObject(refused);
    await log.append([record(3)]);
    expect(await readAll(log)).toEqual(records(1, 3));
    await log.close();
  });
}

const marksOf = (log: LogStore): unknown => Object.fromEntries(log.marks);

function marks(makeBench: () => Promise<LogBench>): void {
  it('sets marks and takes them back, durably, and shows them when they are', async () => {
    const { log, reborn } = await makeBench();
    await log.open();
    expect(marksOf(log)).toEqual({});
    const done = log.mark('lost-state', 0);
    expect(marksOf(log)).toEqual({});
    await done;
    expect(marksOf(log)).toEqual({ 'lost-state': 0 });
    await Promise.all([log.mark('seat-out', 7), log.mark('lost-state', Number.MAX_SAFE_INTEGER)]);
    const all = { 'lost-state': Number.MAX_SAFE_INTEGER, 'seat-out': 7 };
    expect(marksOf(log)).toEqual(all);
    const again = await reborn();
    await again.open();
    expect([marksOf(again), again.lastIndex]).toEqual([all, 0]);
    await again.mark('lost-state', null);
    await again.mark('lost-state', null);
    await again.close();
    await again.open();
    expect(marksOf(again)).toEqual({ 'seat-out': 7 });
    await again.close();
  });

  it('keeps them whatever becomes of the entries and the hard state', async () => {
    const { log, reborn } = await makeBench();
    await log.open();
    await log.mark('lost-state', 3);
    await log.append(records(1, 5), STATE);
    await log.truncateFrom(2);
    for (let index = 2; index <= 60; index++) await log.append([record(index, 1, 200)], STATE);
    await log.mark('seat-out', 9);
    await log.compactBefore(50);
    await log.compactBefore(200);
    await log.append([record(200)], { ...STATE, vote: null });
    for (const one of [log, await reborn()]) {
      await one.open();
      expect([one.firstIndex, one.lastIndex]).toEqual([200, 200]);
      expect(marksOf(one)).toEqual({ 'lost-state': 3, 'seat-out': 9 });
      expect(one.hardState).toEqual({ ...STATE, vote: null });
    }
  });

  it('refuses an index out of range', async () => {
    const { log } = await makeBench();
    await log.open();
    for (const index of [-1, 1.5, Number.NaN, 2 ** 53]) {
      const refused = { code: 'ERR_STORAGE_SEQUENCE' };
      await expect(log.mark('seat-out', index)).rejects.toMatchObject(refused);
    }
    expect([log.status, marksOf(log)]).toEqual(['open', {}]);
    await log.close();
  });
}

function marksAfterFailures(makeBench: () => Promise<LogBench>): void {
  for (const point of ['log:write', 'log:sync', 'log:synced'] as const) {
    it(`has one after a failure at ${point} as before or as asked for, never another`, async () => {
      const { log, faults, reborn } = await makeBench();
      await log.open();
      await log.mark('lost-state', 5);
      faults.failAt(point, 'EIO');
      await expect(log.mark('lost-state', 6)).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
      expect(log.status).toBe('failed');
      faults.failAt(null);
      await log.open();
      expect([5, 6]).toContain(log.marks.get('lost-state'));
      await log.mark('lost-state', 7);
      const again = await reborn();
      await again.open();
      expect(marksOf(again)).toEqual({ 'lost-state': 7 });
      await again.close();
    });
  }
}

function forgetting(makeBench: () => Promise<LogBench>): void {
  it('truncates in order with appends, durably', async () => {
    const { log, reborn } = await makeBench();
    await log.open();
    const calls = [
      log.append(records(1, 5)),
      log.truncateFrom(3),
      log.append(records(3, 4, 2), STATE),
      log.truncateFrom(9),
    ];
    await Promise.all(calls);
    const expected = [...records(1, 2), ...records(3, 4, 2)];
    expect(await readAll(log)).toEqual(expected);
    const again = await reborn();
    await again.open();
    expect(await readAll(again)).toEqual(expected);
    expect([0, 1, 2, 3, 4, 5].map((index) => again.termOf(index))).toEqual([
      undefined,
      1,
      1,
      2,
      2,
      undefined,
    ]);
    await again.truncateFrom(1);
    expect([again.firstIndex, again.lastIndex]).toEqual([1, 0]);
    await again.append(records(1, 1, 3));
    await again.close();
    await again.open();
    expect(await readAll(again)).toEqual(records(1, 1, 3));
    await again.close();
  });

  it('compacts what it may, keeps the rest, and says so when asked for what is gone', async () => {
    const { log, reborn } = await makeBench();
    await log.open();
    for (let index = 1; index <= 60; index++) await log.append([record(index, 1, 200)], STATE);
    await log.compactBefore(40);
    expect(log.firstIndex).toBeGreaterThan(1);
    expect(log.firstIndex).toBeLessThanOrEqual(40);
    const gone = { code: 'ERR_STORAGE_COMPACTED' };
    await expect(log.read(log.firstIndex - 1, 1, 1)).rejects.toMatchObject(gone);
    const first = log.firstIndex;
    const again = await reborn();
    await again.open();
    expect([again.firstIndex, again.lastIndex]).toEqual([first, 60]);
    expect((await readAll(again)).at(-1)).toEqual(record(60, 1, 200));
    expect(again.hardState).toEqual(STATE);
    await again.append([record(61)]);
    await again.close();
  });

  it('begins anew when compacted beyond its end: a snapshot was installed', async () => {
    const { log, reborn } = await makeBench();
    await log.open();
    await log.append(records(1, 5), STATE);
    const calls = [log.compactBefore(100), log.append(records(100, 101, 4))];
    await Promise.all(calls);
    for (const one of [log, await reborn()]) {
      await one.open();
      expect([one.firstIndex, one.lastIndex]).toEqual([100, 101]);
      expect(await readAll(one)).toEqual(records(100, 101, 4));
      expect(one.hardState).toEqual(STATE);
    }
  });
}

function failures(makeBench: () => Promise<LogBench>): void {
  for (const point of ['log:write', 'log:sync', 'log:synced'] as const) {
    it(`fails at ${point}, acknowledges nothing more, and goes on after a reopen`, async () => {
      const { log, faults } = await makeBench();
      await log.open();
      await log.append(records(1, 3), STATE);
      faults.failAt(point);
      const isFatal = point === 'log:sync';
      const first = log.append([record(4)]);
      await expect(first).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
      await first.catch((error) => expect(error.details.fatal === true).toBe(isFatal));
      expect(log.status).toBe('failed');
      faults.failAt(null);
      const why = { ...notOpen, cause: { code: 'ERR_STORAGE_DISK_FULL' } };
      for (const call of everyCall(log)) await expect(call).rejects.toMatchObject(why);
      await log.open();
      expect(log.status).toBe('open');
      expect((await readAll(log)).slice(0, 3)).toEqual(records(1, 3));
      expect(log.hardState).toEqual(STATE);
      await log.append([record(log.lastIndex + 1)]);
      await log.close();
    });
  }

  it('refuses what waited behind a failed write', async () => {
    const { log, faults } = await makeBench();
    await log.open();
    faults.failAt('log:write', 'EIO');
    const results = await Promise.allSettled([
      log.append([record(1)]),
      log.compactBefore(1),
      log.append([record(2)]),
    ]);
    expect(results.every((result) => result.status === 'rejected')).toBe(true);
    expect(results[0]).toMatchObject({ reason: { code: 'ERR_STORAGE_IO' } });
    await log.close();
    expect(log.status).toBe('closed');
  });

  it('refuses new calls with a typed error when too much waits', async () => {
    const { log, largeBytes } = await makeBench();
    await log.open();
    const calls = Array.from({ length: 20 }, (_, i) =>
      log.append([record(Math.min(i + 1, 17), 1, largeBytes)]),
    );
    const results = await Promise.allSettled(calls);
    const busy = results.filter((result) => result.status === 'rejected');
    expect(busy.length).toBeGreaterThan(0);
    for (const { reason } of busy as PromiseRejectedResult[]) {
      expect(['ERR_STORAGE_BUSY', 'ERR_STORAGE_SEQUENCE']).toContain(reason.code);
    }
    expect(log.status).toBe('open');
    await log.append([record(log.lastIndex + 1)]);
    await log.close();
  });
}
