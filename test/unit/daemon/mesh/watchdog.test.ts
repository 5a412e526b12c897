import { describe, expect, it } from 'vitest';
import { Watchdog } from '../../../../daemon/mesh/watchdog.ts';
import { HealthBook } from '../../../../daemon/system/health.ts';
import { MeshState } from '../../../../protocols/slurp/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { Switches } from '../../slurp/mesh-world.ts';
import { recordLogger } from '../../storage/record-logger.ts';
import { ManualClock } from '../../wire/manual-clock.ts';

// Goal: a leader whose disk is full does not hold up those whose disks are not, nor fill it further
// with its log; and all is over by itself once there is room.

async function watched() {
  const clock = new ManualClock();
  const faults = new Switches();
  const store = new MemoryStore({ faults });
  const health = new HealthBook(recordLogger());
  const logger = recordLogger();
  const handedOverMs: number[] = [];
  const behind = { is: true };
  const beganMs = clock.monotonicMs();
  const watchdog = new Watchdog({
    ...{ clock, health, store, logger, state: new MeshState(), self: 'me' },
    view: { isConnected: () => false, leader: () => 'me' },
    isBehind: () => behind.is,
    handOver: () => void handedOverMs.push(clock.monotonicMs() - beganMs),
  });
  await store.open();
  watchdog.start();
  return {
    ...{ clock, store, health, logger, watchdog, handedOverMs, behind },
    mend: () => faults.mend(),
    /** From here on no write stands. */
    async fill(): Promise<void> {
      faults.fail('store:write', systemError('ENOSPC'));
      const write = { namespace: 'meta', key: 'x', value: new Uint8Array(1) } as const;
      await expect(store.batch([write])).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
    },
  };
}

describe('a node whose store takes no writes', () => {
  it('hands leadership over after three seconds, and again, less and less often', async () => {
    const { clock, fill, handedOverMs } = await watched();
    await fill();
    await clock.advance(2_500);
    expect(handedOverMs).toEqual([]);
    await clock.advance(80_000);
    expect(handedOverMs).toEqual([3_000, 13_000, 33_000, 73_000]);
  });

  it('keeps it while nothing that is committed waits for the store', async () => {
    const { clock, fill, handedOverMs, behind } = await watched();
    behind.is = false;
    await fill();
    await clock.advance(60_000);
    expect(handedOverMs).toEqual([]);
    behind.is = true;
    await clock.advance(1_000);
    expect(handedOverMs).toHaveLength(1);
  });

  it('hands nothing over when there is room before that', async () => {
    const { clock, fill, mend, health, handedOverMs } = await watched();
    await fill();
    await clock.advance(2_500);
    expect(health.list().map(({ code }) => code)).toEqual(['store-failed']);
    mend();
    await clock.advance(1_000);
    expect(health.list()).toEqual([]);
    await fill();
    await clock.advance(2_000);
    expect(handedOverMs).toEqual([]);
  });

  it('says so once, however long it lasts, and when it is over', async () => {
    const { clock, fill, mend, logger, store } = await watched();
    await fill();
    await clock.advance(60_000);
    mend();
    await clock.advance(2_000);
    expect(logger.lines.map(({ message }) => message)).toEqual([
      'the store takes no writes yet',
      'the store takes writes again',
    ]);
    expect(store.status).toBe('open');
  });
});
