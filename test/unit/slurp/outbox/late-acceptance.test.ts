import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { LateAcceptance } from '../../../../protocols/slurp/outbox/late-acceptance.ts';
import { recordLogger } from '../../storage/record-logger.ts';
import { ManualClock } from '../mesh-world.ts';

function start(secure: (key: string) => Promise<void> = async () => undefined) {
  const clock = new ManualClock();
  const secured: string[] = [];
  const accepted: string[] = [];
  const failed: string[] = [];
  const withdrawn: string[] = [];
  const late = new LateAcceptance({
    clock,
    logger: recordLogger(),
    secure: async (key) => {
      secured.push(key);
      await secure(key);
    },
    withdraw: (key) => void withdrawn.push(key),
  });
  const wait = (key: string): void =>
    late.wait(key, [
      {
        accept: () => void accepted.push(key),
        fail: (error) => void failed.push((error as CooeeError).code),
      },
    ]);
  return { clock, late, wait, secured, accepted, failed, withdrawn };
}

describe('LateAcceptance', () => {
  it('accepts what the log decides in time without a sync of its own', async () => {
    const { clock, late, wait, secured, accepted } = start();
    wait('a');
    await clock.advance(10);
    expect(accepted).toEqual([]);
    late.settle('a');
    expect(accepted).toEqual(['a']);
    await clock.advance(1_000);
    expect(secured).toEqual([]);
    late.settle('a');
    expect(accepted).toEqual(['a']);
  });

  it('secures what the log does not decide, and accepts it then', async () => {
    const { clock, wait, secured, accepted } = start();
    wait('a');
    await clock.advance(20);
    expect([secured, accepted]).toEqual([['a'], ['a']]);
  });

  it('leaves to others what is held, and tells what they say', async () => {
    const { clock, late, wait, secured, accepted, failed } = start();
    for (const key of ['a', 'b']) {
      wait(key);
      late.hold(key);
    }
    await clock.advance(1_000);
    expect([secured, accepted, failed]).toEqual([[], [], []]);
    late.settle('a');
    late.fail('b', new CooeeError('ERR_STORAGE_IO'));
    late.fail('b', new CooeeError('ERR_STORAGE_IO'));
    expect([accepted, failed]).toEqual([['a'], ['ERR_STORAGE_IO']]);
  });

  it('says so when it can be neither, and no second time; nobody may send it then', async () => {
    const { clock, late, wait, accepted, failed, withdrawn } = start(async () => {
      throw new CooeeError('ERR_STORAGE_DISK_FULL');
    });
    wait('a');
    await clock.advance(400);
    expect([accepted, failed]).toEqual([[], ['ERR_STORAGE_DISK_FULL']]);
    late.settle('a');
    await clock.advance(1_000);
    expect([accepted, failed]).toEqual([[], ['ERR_STORAGE_DISK_FULL']]);
    expect(withdrawn).toEqual(['a']);
  });

  it('tells who waits when it is stopped, once, and does nothing more', async () => {
    const { clock, late, wait, secured, accepted, failed } = start();
    wait('a');
    wait('b');
    late.stop(new CooeeError('ERR_API_STARTING'));
    expect(failed).toEqual(['ERR_API_STARTING', 'ERR_API_STARTING']);
    late.settle('a');
    late.stop(new CooeeError('ERR_API_STARTING'));
    await clock.advance(1_000);
    expect([secured, accepted, failed.length]).toEqual([[], [], 2]);
  });

  it('stays silent about what was being secured when it was stopped', async () => {
    const written = Promise.withResolvers<void>();
    const { clock, late, wait, secured, accepted, failed } = start(() => written.promise);
    wait('a');
    await clock.advance(20);
    late.stop(new CooeeError('ERR_API_STARTING'));
    written.resolve();
    await clock.advance(1_000);
    expect([secured, accepted, failed]).toEqual([['a'], [], ['ERR_API_STARTING']]);
  });
});
