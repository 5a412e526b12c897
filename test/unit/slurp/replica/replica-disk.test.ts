import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { batchOf, founder, recordsOf, rootOf } from '../mesh-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';
import { batch, Follower, honest, logOf, type Source } from './follower.ts';

expectNoUnhandled();

describe('a replica and its disk', () => {
  const records = logOf(6);

  it('goes on in the middle after a restart at any point', async () => {
    for (const log of ['lost', 'kept'] as const) {
      for (const storeBatches of [0, 1, 2]) {
        const follower = await Follower.open([honest(logOf(4), 2)]);
        await follower.pull();
        await follower.restart({ log, storeBatches });
        expect(follower.meshLog.tailIndex).toBe(4);
        follower.sources = new Map([['next', honest(records, 1)]]);
        expect(await follower.pull()).toBe('ok');
        expect(follower.meshLog.appliedRoot()).toEqual(rootOf(records));
      }
    }
  });

  it('commits at the start what the head that it kept proves', async () => {
    const follower = await Follower.open([honest(records)]);
    await follower.pull();
    // The head was kept, the state that followed was not.
    await follower.restart({ storeBatches: 1 });
    expect(follower.replica.headIndex).toBe(6);
    expect(follower.meshLog.appliedIndex).toBe(6);
  });

  it('opens the log again after a full disk, and says so as long as it lasts', async () => {
    for (const point of ['log:write', 'log:synced']) {
      const follower = await Follower.open([honest(records)]);
      follower.machine.faults.fail(point, systemError('ENOSPC'));
      expect(await follower.pull()).toBe('ERR_STORAGE_DISK_FULL');
      expect(follower.conditions).toEqual(['log-failed']);
      expect(await follower.pull()).toMatch(/ERR_STORAGE_DISK_FULL|ok/);
      follower.machine.faults.mend();
      expect(await follower.pull()).toBe('ok');
      expect(follower.conditions).toEqual([]);
      expect(follower.meshLog.appliedRoot()).toEqual(rootOf(records));
    }
  });

  it('asks nobody for entries and writes nothing before its log has room', async () => {
    const follower = await Follower.open([honest(records)]);
    const { faults, logger } = follower.machine;
    faults.fail('log:write', systemError('ENOSPC'));
    expect(await follower.pull()).toBe('ERR_STORAGE_DISK_FULL');
    faults.mend();
    faults.fail('log:spare', systemError('ENOSPC'));
    const before = faults.hits.length;
    for (let i = 0; i < 5; i++) expect(await follower.pull()).toBe('ERR_STORAGE_DISK_FULL');
    expect(new Set(faults.hits.slice(before))).toEqual(new Set(['log:spare']));
    expect(follower.asked).toHaveLength(1);
    expect(follower.conditions).toEqual(['log-failed']);
    faults.mend();
    expect(await follower.pull()).toBe('ok');
    expect(follower.conditions).toEqual([]);
    expect(follower.meshLog.appliedIndex).toBe(6);
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('tells each kind of failure once until a write stands', async () => {
    const follower = await Follower.open([honest(logOf(3))]);
    const { faults, logger } = follower.machine;
    const told = () => logger.lines.filter(({ level }) => level === 'error').length;
    const failTwice = async (code: 'ENOSPC' | 'EIO') => {
      faults.fail('log:write', systemError(code));
      for (let i = 0; i < 2; i++) expect(await follower.pull()).toMatch(/^ERR_STORAGE_/);
    };
    await failTwice('ENOSPC');
    await failTwice('EIO');
    await failTwice('ENOSPC');
    expect(told()).toBe(2);
    faults.mend();
    expect(await follower.pull()).toBe('ok');
    follower.sources = new Map([['longer', honest(records)]]);
    await failTwice('EIO');
    expect(told()).toBe(3);
  });

  it('opens the store again after a full disk', async () => {
    const follower = await Follower.open([honest(records)]);
    follower.machine.faults.fail('store:write', systemError('ENOSPC'));
    expect(await follower.pull()).toBe('ERR_STORAGE_DISK_FULL');
    expect(follower.machine.store.status).toBe('failed');
    follower.machine.faults.mend();
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(6);
  });

  it('ends the process after a failed sync, and pulls nothing more', async () => {
    const follower = await Follower.open([honest(records)]);
    follower.machine.faults.fail('log:sync', systemError('EIO'));
    expect(await follower.pull()).toBe('ERR_STORAGE_IO');
    follower.machine.faults.mend();
    expect(await follower.pull()).toBe('ERR_STORAGE_IO');
    expect(follower.asked).toHaveLength(1);
    expect(follower.fatal.map(({ code }) => code)).toEqual(['ERR_STORAGE_IO']);
  });

  it('is not ended by a source that speaks of its own broken disk', async () => {
    const liar: Source = () => {
      throw new CooeeError('ERR_STORAGE_IO', 'broken', { details: { fatal: true } });
    };
    const follower = await Follower.open([liar, honest(records)]);
    expect(await follower.pull()).toBe('ok');
    expect(follower.fatal).toEqual([]);
  });

  it('keeps what a newer program wrote and applies no further', async () => {
    const future = batchOf(founder, { seq: 4 }, [{ kind: 'room.open', body: {} }]);
    const longer = [...logOf(3), ...recordsOf([future, batch(5)], 4)];
    const follower = await Follower.open([honest(longer)]);
    expect(await follower.pull()).toBe('ERR_SLURP_LEVEL');
    expect(follower.conditions).toEqual(['upgrade-needed']);
    expect([follower.meshLog.appliedIndex, follower.meshLog.tailIndex]).toEqual([3, 5]);
  });
});
