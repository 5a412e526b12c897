import { describe, expect, it } from 'vitest';
import { HealthBook } from '../../../../daemon/system/health.ts';
import { mendLog } from '../../../../protocols/slurp/driver/mend-log.ts';
import { ioError } from '../../../../storage/disk/io-error.ts';
import { systemError } from '../../../../storage/faults.ts';
import { recordLogger } from '../../storage/record-logger.ts';
import { ManualClock } from '../../wire/manual-clock.ts';

// Goal: a log that cannot be written is opened again for as long as it takes, without a line for
// each time: those may go to the very disk that is full.

describe('mending the log', () => {
  it('says what is wrong when it changes, and that it is over', async () => {
    const clock = new ManualClock();
    const logger = recordLogger();
    const health = new HealthBook(recordLogger());
    let fault: 'ENOSPC' | 'EIO' | undefined = 'ENOSPC';
    let tries = 0;
    let begun = 0;
    let isWithoutRoom = true;
    const error = (code: 'ENOSPC' | 'EIO') =>
      ioError(systemError(code), { operation: 'making a log segment' });
    const mended = mendLog(
      {
        ...{ clock, logger, health, signal: new AbortController().signal },
        meshLog: {
          async reopenLog() {
            tries++;
            if (fault !== undefined) throw error(fault);
          },
          async ensureRoom() {
            if (isWithoutRoom) throw error('ENOSPC');
          },
        },
        begin: async () => {
          begun++;
        },
        onFatal: () => undefined,
      },
      error('ENOSPC'),
    );
    await clock.advance(30_000);
    expect([tries, logger.lines.length]).toEqual([60, 1]);
    fault = 'EIO';
    await clock.advance(30_000);
    expect(logger.lines.length).toBe(2);
    expect(health.list().map(({ code }) => code)).toEqual(['log-failed']);
    fault = undefined;
    // It opens, and there is no room: nothing begins, to fail again at once.
    await clock.advance(5_000);
    expect(begun).toBe(0);
    expect(health.list().map(({ code }) => code)).toEqual(['log-failed']);
    isWithoutRoom = false;
    await clock.advance(500);
    expect(await mended).toBeUndefined();
    expect(begun).toBe(1);
    expect(health.list()).toEqual([]);
  });
});
