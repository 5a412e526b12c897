import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../storage/memory-log.ts';
import { logStoreSuite, readAll, record, records, SwitchFaults } from './log-store-suite.ts';

logStoreSuite('MemoryLog', async () => {
  const faults = new SwitchFaults();
  const log = new MemoryLog({ faults });
  return {
    log,
    faults,
    largeBytes: 1024 * 1024,
    reborn: async () => {
      log.crash();
      return log;
    },
  };
});

describe('a crash of the twin', () => {
  const crashed = async (fate: 'lost' | 'torn' | 'kept') => {
    let hold = false;
    const log = new MemoryLog({
      sync: () => (hold ? new Promise(() => undefined) : Promise.resolve()),
    });
    await log.open();
    await log.append(records(1, 2));
    hold = true;
    const inFlight = log.append([record(3)]);
    // One turn of the loop: the write has happened, the sync never ends.
    await new Promise(setImmediate);
    const waiting = log.append([record(4)]);
    log.crash(fate);
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_STORAGE_NOT_OPEN' });
    inFlight.catch(() => undefined);
    hold = false;
    const { tornBytes } = await log.open();
    const found = (await readAll(log)).map((one) => one.index);
    await log.append([record(log.lastIndex + 1)]);
    return { tornBytes: tornBytes > 0, found };
  };

  it('loses, tears or keeps what was not synced', async () => {
    expect(await crashed('lost')).toEqual({ tornBytes: false, found: [1, 2] });
    expect(await crashed('torn')).toEqual({ tornBytes: true, found: [1, 2] });
    expect(await crashed('kept')).toEqual({ tornBytes: false, found: [1, 2, 3] });
  });

  it('can damage an entry: it is not read and the log not opened', async () => {
    const log = new MemoryLog();
    await log.open();
    await log.append(records(1, 3));
    log.damage(2);
    await expect(log.read(1, 3, 1000)).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
    await log.close();
    await expect(log.open()).rejects.toMatchObject({ code: 'ERR_STORAGE_DAMAGED' });
  });
});
