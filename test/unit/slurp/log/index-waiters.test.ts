import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { IndexWaiters } from '../../../../protocols/slurp/log/index-waiters.ts';
import { codeOf, ManualClock } from '../mesh-world.ts';

describe('IndexWaiters', () => {
  it('tells those whose index is applied, and nobody else', async () => {
    const clock = new ManualClock();
    const waiters = new IndexWaiters(clock);
    const told: number[] = [];
    for (const index of [5, 6, 9]) void waiters.until(index).then(() => told.push(index));
    waiters.applied(6);
    await clock.advance(1);
    expect(told).toEqual([5, 6]);
    waiters.applied(20);
    await clock.advance(1);
    expect(told).toEqual([5, 6, 9]);
  });

  it('ends after ten seconds, with a signal, and for all', async () => {
    const clock = new ManualClock();
    const waiters = new IndexWaiters(clock);
    const late = codeOf(waiters.until(1));
    await clock.advance(10_000);
    expect(await late).toBe('ERR_WIRE_TIMEOUT');
    const caller = new AbortController();
    const aborted = codeOf(waiters.until(1, caller.signal));
    caller.abort(new CooeeError('ERR_API_TIMEOUT', 'gone'));
    expect(await aborted).toBe('ERR_API_TIMEOUT');
    expect(await codeOf(waiters.until(1, caller.signal))).toBe('ERR_API_TIMEOUT');
    const stopped = codeOf(waiters.until(1));
    waiters.rejectAll(new CooeeError('ERR_API_STARTING', 'the node stops'));
    expect(await stopped).toBe('ERR_API_STARTING');
  });
});
