import { describe, expect, it } from 'vitest';
import { Pace } from '../../../../../protocols/slurp/heads/signing/pace.ts';
import { ManualClock, settle } from '../../mesh-world.ts';

function paced(takesMs = 0) {
  const clock = new ManualClock();
  const began: number[] = [];
  const startMs = clock.monotonicMs();
  const pace = new Pace(clock, async () => {
    began.push(clock.monotonicMs() - startMs);
    if (takesMs > 0) await new Promise<void>((done) => void clock.schedule(takesMs, done));
  });
  return { clock, began, pace };
}

describe('Pace', () => {
  it('runs at once, and then no more often than asked for', async () => {
    const { clock, began, pace } = paced();
    for (let ms = 0; ms < 1_000; ms += 10) {
      pace.ask(200);
      await clock.advance(10);
    }
    expect(began).toEqual([0, 200, 400, 600, 800, 1_000]);
    await clock.advance(5_000);
    expect(began).toHaveLength(6);
  });

  it('is hurried by who cannot wait', async () => {
    const { clock, began, pace } = paced();
    pace.ask(200);
    await clock.advance(50);
    pace.ask(200);
    const isDone = pace.run(70).then(() => true);
    await clock.advance(25);
    expect(await isDone).toBe(true);
    expect(began).toEqual([0, 70]);
  });

  it('never runs twice at a time, and runs again for who asked meanwhile', async () => {
    const { clock, began, pace } = paced(100);
    const first = pace.run(10);
    await clock.advance(20);
    let isDone = false;
    const second = pace.run(10).then(() => {
      isDone = true;
    });
    await clock.advance(30);
    expect(began).toHaveLength(1);
    await clock.advance(60);
    await first;
    expect(isDone).toBe(false);
    await clock.advance(120);
    await second;
    expect(began).toHaveLength(2);
  });

  it('lets go of who waits when it stops', async () => {
    const { clock, began, pace } = paced();
    pace.ask(200);
    await settle();
    const waiting = pace.run(200);
    await pace.stop();
    await waiting;
    await pace.run(200);
    await clock.advance(1_000);
    expect(began).toHaveLength(1);
  });
});
