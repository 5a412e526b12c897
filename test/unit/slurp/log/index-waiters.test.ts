import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { IndexWaiters } from '../../../../protocols/slurp/log/index-waiters.ts';
import type { AppliedEntry } from '../../../../protocols/slurp/machine/apply.ts';
import { codeOf, ManualClock } from '../mesh-world.ts';

/** A log that applies when it is told to. */
function fakeLog() {
  const applied: ((entry: AppliedEntry) => void)[] = [];
  const replaced: ((index: number) => void)[] = [];
  const log = {
    appliedIndex: 4,
    onApplied: (it: (entry: AppliedEntry) => void) => {
      applied.push(it);
      return () => undefined;
    },
    onReplaced: (it: (index: number) => void) => void replaced.push(it),
    apply(index: number) {
      log.appliedIndex = index;
      for (const it of applied) it({ index } as AppliedEntry);
    },
    replace(index: number) {
      log.appliedIndex = index;
      for (const it of replaced) it(index);
    },
  };
  return log;
}

describe('IndexWaiters', () => {
  it('tells those whose index is applied, and nobody else', async () => {
    const clock = new ManualClock();
    const log = fakeLog();
    const waiters = new IndexWaiters(clock, log);
    const told: number[] = [];
    for (const index of [4, 5, 6, 9]) void waiters.until(index).then(() => told.push(index));
    await clock.advance(1);
    expect(told).toEqual([4]);
    log.apply(6);
    await clock.advance(1);
    expect(told).toEqual([4, 5, 6]);
    // A snapshot was installed: no entry is told of.
    log.replace(20);
    await clock.advance(1);
    expect(told).toEqual([4, 5, 6, 9]);
  });

  it('costs one timer each, that ends with the waiting', async () => {
    const clock = new ManualClock();
    const log = fakeLog();
    let made = 0;
    let open = 0;
    const counted = {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      schedule: (delayMs: number, task: () => void) => {
        made += 1;
        open += 1;
        const timer = clock.schedule(delayMs, task);
        return {
          cancel: () => {
            open -= 1;
            timer.cancel();
          },
        };
      },
    };
    const waiters = new IndexWaiters(counted, log);
    const all = Array.from({ length: 200 }, () => waiters.until(9, { timeoutMs: 60_000 }));
    await clock.advance(59_000);
    expect([made, open]).toEqual([200, 200]);
    log.apply(9);
    await Promise.all(all);
    expect([made, open]).toEqual([200, 0]);
  });

  it('ends after ten seconds, with a signal, and for all', async () => {
    const clock = new ManualClock();
    const waiters = new IndexWaiters(clock, fakeLog());
    const late = codeOf(waiters.until(9));
    await clock.advance(10_000);
    expect(await late).toBe('ERR_WIRE_TIMEOUT');
    const caller = new AbortController();
    const aborted = codeOf(waiters.until(9, { signal: caller.signal }));
    caller.abort(new CooeeError('ERR_API_TIMEOUT', 'gone'));
    expect(await aborted).toBe('ERR_API_TIMEOUT');
    expect(await codeOf(waiters.until(9, { signal: caller.signal }))).toBe('ERR_API_TIMEOUT');
    const stopped = codeOf(waiters.until(9));
    waiters.close(new CooeeError('ERR_API_STARTING', 'the node stops'));
    expect(await stopped).toBe('ERR_API_STARTING');
    expect(await codeOf(waiters.until(9))).toBe('ERR_API_STARTING');
  });
});
