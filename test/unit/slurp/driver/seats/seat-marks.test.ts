import { beforeEach, describe, expect, it } from 'vitest';
import { SeatMarks } from '../../../../../protocols/slurp/driver/seats/seat-marks.ts';
import { encodeCanonical } from '../../../../../protocols/wire/index.ts';
import { systemError } from '../../../../../storage/faults.ts';
import { MemoryLog } from '../../../../../storage/memory-log.ts';
import { MemoryStore } from '../../../../../storage/memory-store.ts';
import { codeOf, Switches } from '../../mesh-world.ts';

// Goal: what keeps a node from its seat is in the log, over restarts and crashes, also when an
// older program kept it elsewhere; and what was asked for last is what stays.

let faults: Switches;
let log: MemoryLog;
let store: MemoryStore;
let fatal: number;

beforeEach(async () => {
  faults = new Switches();
  log = new MemoryLog({ faults });
  store = new MemoryStore({ faults });
  fatal = 0;
  await log.open();
  await store.open();
});

const open = async (): Promise<SeatMarks> => {
  const marks = new SeatMarks({ log, store, onFatal: () => void fatal++ });
  await marks.open();
  return marks;
};

/** What the older program wrote. */
const write = (key: string, value: object) =>
  store.batch([{ namespace: 'meta', key, value: encodeCanonical(value) }], { sync: true });

const crash = async (): Promise<void> => {
  log.crash();
  store.crash();
  await log.open();
  await store.open();
};

describe('marks of a seat', () => {
  it('count at once, and are kept when it says so', async () => {
    const marks = await open();
    expect([marks.get('lost-state'), marks.isKept]).toEqual([undefined, true]);
    marks.set('lost-state', 0);
    expect([marks.get('lost-state'), marks.isKept, log.marks.size]).toEqual([0, false, 0]);
    await marks.keep();
    expect(marks.isKept).toBe(true);
    await crash();
    const later = await open();
    expect([later.get('lost-state'), later.get('seat-out')]).toEqual([0, undefined]);
    later.set('lost-state', undefined);
    await later.keep();
    await crash();
    expect((await open()).get('lost-state')).toBe(undefined);
  });

  it('are what was asked for last, though the write before was still under way', async () => {
    const marks = await open();
    marks.set('lost-state', 5);
    const first = marks.keep();
    marks.set('lost-state', undefined);
    await Promise.all([first, marks.keep()]);
    expect([marks.isKept, log.marks.size]).toEqual([true, 0]);
  });

  it('are taken back only when the state is on the disk that this goes by', async () => {
    const marks = await open();
    marks.set('lost-state', 5);
    await marks.keep();
    const state = { namespace: 'state', key: 'seats' } as const;
    await store.batch([{ ...state, value: new Uint8Array(1) }]);
    marks.set('lost-state', undefined);
    faults.fail('store:write', systemError('EIO'));
    expect(await codeOf(marks.keep())).toBe('ERR_STORAGE_IO');
    expect([marks.isKept, log.marks.get('lost-state')]).toEqual([false, 5]);
    faults.mend();
    await store.open();
    await marks.keep();
    await crash();
    expect([log.marks.size, await store.get('state', 'seats')]).toEqual([0, new Uint8Array(1)]);
  });

  for (const point of ['log:write', 'log:sync', 'log:synced'] as const) {
    it(`are not kept after a failure at ${point}, but count, and are kept later`, async () => {
      const marks = await open();
      marks.set('seat-out', 7);
      faults.fail(point, systemError('EIO'));
      expect(await codeOf(marks.keep())).toBe('ERR_STORAGE_IO');
      expect([marks.get('seat-out'), fatal]).toEqual([7, point === 'log:sync' ? 1 : 0]);
      expect(await codeOf(marks.keep())).toBe('ERR_STORAGE_NOT_OPEN');
      faults.mend();
      await log.open();
      await marks.keep();
      expect([marks.isKept, log.marks.get('seat-out')]).toEqual([true, 7]);
    });
  }
});

describe('marks that an older program kept in the store', () => {
  it('move to the log', async () => {
    await write('lost-state', { v: 1, index: 0 });
    await write('seat-out', { v: 1, until: 9 });
    const marks = await open();
    expect([marks.get('lost-state'), marks.get('seat-out')]).toEqual([0, 9]);
    expect(new Map(log.marks)).toEqual(
      new Map([
        ['lost-state', 0],
        ['seat-out', 9],
      ]),
    );
    for (const key of ['lost-state', 'seat-out']) {
      expect(await store.get('meta', key)).toBe(undefined);
    }
  });

  for (const point of ['log:write', 'log:sync', 'log:synced', 'store:write', 'store:written']) {
    it(`are there whatever is lost at ${point}`, async () => {
      await write('lost-state', { v: 1, index: 4 });
      faults.fail(point, systemError('EIO'));
      expect(await codeOf(open())).toBe('ERR_STORAGE_IO');
      faults.mend();
      await crash();
      expect((await open()).get('lost-state')).toBe(4);
      expect([log.marks.get('lost-state'), await store.get('meta', 'lost-state')]).toEqual([
        4,
        undefined,
      ]);
    });
  }

  it('give way to what the log has: that is newer', async () => {
    await log.mark('lost-state', 12);
    await write('lost-state', { v: 1, index: 4 });
    expect((await open()).get('lost-state')).toBe(12);
    expect(await store.get('meta', 'lost-state')).toBe(undefined);
  });

  it('that cannot be read are told, not passed over', async () => {
    await write('lost-state', { v: 1, index: -4 });
    expect(await codeOf(open())).toBe('ERR_WIRE_MALFORMED');
  });
});
