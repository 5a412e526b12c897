import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../../protocols/interface/index.ts';
import { batchLength, Gathering } from '../../../../protocols/slurp/outbox/gathering.ts';
import { ManualClock, settle } from '../../wire/manual-clock.ts';

const small = { bytes: 100, isAlone: false };

// Goal: no command waits for others while nothing is before it, and none waits long.
describe('gathering', () => {
  async function isWaiting(task: Promise<void>): Promise<boolean> {
    let isOver = false;
    void task.then(() => {
      isOver = true;
    });
    await settle();
    return !isOver;
  }

  it('does not wait while no batch is before it', async () => {
    const gathering = new Gathering(new ManualClock(), 10);
    expect(await isWaiting(gathering.wait(0, 1, 64))).toBe(false);
  });

  it('waits behind a batch until it is decided', async () => {
    const gathering = new Gathering(new ManualClock(), 10);
    const wait = gathering.wait(1, 1, 64);
    expect(await isWaiting(wait)).toBe(true);
    gathering.end();
    expect(await isWaiting(wait)).toBe(false);
  });

  it('does not wait behind a batch while few callers wait for the log', async () => {
    const gathering = new Gathering(new ManualClock(), 10);
    expect(await isWaiting(gathering.wait(3, 2, 0))).toBe(false);
    expect(await isWaiting(gathering.wait(3, 2, 7))).toBe(false);
    expect(await isWaiting(gathering.wait(3, 2, 8))).toBe(true);
  });

  it('waits no longer than its time: there may be no leader', async () => {
    const clock = new ManualClock();
    const wait = new Gathering(clock, 10).wait(5, 1, 64);
    await clock.advance(9);
    expect(await isWaiting(wait)).toBe(true);
    await clock.advance(1);
    expect(await isWaiting(wait)).toBe(false);
  });

  it('does not wait once there are enough for a batch', async () => {
    const gathering = new Gathering(new ManualClock(), 10);
    expect(await isWaiting(gathering.wait(1, LIMITS.batchCommandsMax, 64))).toBe(false);
    const wait = gathering.wait(1, LIMITS.batchCommandsMax - 1, 64);
    gathering.added(LIMITS.batchCommandsMax - 1);
    expect(await isWaiting(wait)).toBe(true);
    gathering.added(LIMITS.batchCommandsMax);
    expect(await isWaiting(wait)).toBe(false);
  });

  it('does not wait at all when it is to wait for no time', async () => {
    expect(await isWaiting(new Gathering(new ManualClock(), 0).wait(9, 1, 64))).toBe(false);
  });
});

describe('how many commands share a batch', () => {
  it('all, up to the limits of a batch', () => {
    expect(batchLength([])).toBe(0);
    expect(batchLength([small, small])).toBe(2);
    expect(batchLength(Array(LIMITS.batchCommandsMax + 5).fill(small))).toBe(
      LIMITS.batchCommandsMax,
    );
    const large = { bytes: LIMITS.batchBytesMax / 2, isAlone: false };
    expect(batchLength([large, large])).toBe(1);
  });

  it('one that travels alone does, wherever it stands', () => {
    const alone = { bytes: 100, isAlone: true };
    expect(batchLength([alone, small])).toBe(1);
    expect(batchLength([small, alone, small])).toBe(1);
  });
});
