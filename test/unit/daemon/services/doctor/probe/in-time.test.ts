import { expect, it } from 'vitest';
import { inTime, mapAtOnce } from '../../../../../../daemon/services/doctor/probe/in-time.ts';

it('a step that hangs ends at its deadline, and is told to end', async () => {
  let ended: AbortSignal | undefined;
  const came = await inTime(10, async (signal) => {
    ended = signal;
    await new Promise(() => undefined);
  });
  expect([came.problem, ended?.aborted]).toEqual(['no answer within 10 ms', true]);
});

it('a step that fails says why, and none rejects', async () => {
  expect(await inTime(1_000, async () => 7)).toEqual({ value: 7 });
  const failing = inTime(1_000, async () => Promise.reject(new Error('refused')));
  expect(await failing).toEqual({ problem: 'refused' });
  const late = inTime(1_000, async () =>
    Promise.reject(new DOMException('aborted', 'TimeoutError')),
  );
  expect(await late).toEqual({ problem: 'no answer in time' });
});

it('so many at once and no more, results in the order of the items', async () => {
  let running = 0;
  let most = 0;
  const results = await mapAtOnce([5, 4, 3, 2, 1], 2, async (item) => {
    most = Math.max(most, ++running);
    for (let n = 0; n < item; n++) await Promise.resolve();
    running--;
    return item * 10;
  });
  expect([results, most]).toEqual([[50, 40, 30, 20, 10], 2]);
});
