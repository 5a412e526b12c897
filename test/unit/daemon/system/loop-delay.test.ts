import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../daemon/system/clock.ts';
import { gaugeLoopDelay } from '../../../../daemon/system/loop-delay.ts';
import { MetricsBook } from '../../../../daemon/system/metrics.ts';
import { ManualClock } from '../../wire/manual-clock.ts';

const NAME = 'cooee_daemon_event_loop_delay_seconds';

/** Lets the loop turn so long: a sample is due every 20 ms. */
async function turn(delayMs: number): Promise<void> {
  await new Promise((wake) => setTimeout(wake, delayMs));
}

function holdUp(durationMs: number): void {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
}

describe('the event loop delay', () => {
  it('shows a loop that was held up, until it is read', async () => {
    const metrics = new MetricsBook();
    gaugeLoopDelay(metrics, systemClock);
    // Nothing is sampled before somebody asks.
    metrics.text();
    // The first sample needs one before it to count from.
    await turn(60);
    holdUp(300);
    await turn(60);
    metrics.text();
    expect(metrics.read(NAME, { quantile: '1' })).toBeGreaterThan(0.2);
    const readAgain = (): number => {
      metrics.text();
      return metrics.read(NAME, { quantile: '1' });
    };
    await expect.poll(readAgain, { interval: 50, timeout: 5_000 }).toBeLessThan(0.2);
  });

  it('is not sampled where nobody reads it', async () => {
    const clock = new ManualClock();
    const metrics = new MetricsBook();
    const delays = monitorEventLoopDelay();
    const seen: string[] = [];
    delays.enable = () => seen.push('on') > 0;
    delays.disable = () => seen.push('off') > 0;
    gaugeLoopDelay(metrics, clock, delays);
    expect(seen).toEqual([]);
    metrics.text();
    await clock.advance(299_000);
    metrics.text();
    await clock.advance(299_000);
    expect(seen).toEqual(['on', 'on']);
    await clock.advance(2_000);
    expect(seen).toEqual(['on', 'on', 'off']);
  });

  it('is never negative', async () => {
    const metrics = new MetricsBook();
    gaugeLoopDelay(metrics, systemClock);
    metrics.text();
    await turn(60);
    metrics.text();
    for (const quantile of ['0.5', '0.99', '1']) {
      expect(metrics.read(NAME, { quantile })).toBeGreaterThanOrEqual(0);
    }
  });
});

describe('metrics', () => {
  it('bring their gauges up to date before each reading', () => {
    const metrics = new MetricsBook();
    let readings = 0;
    metrics.onRead(() => {
      readings += 1;
      metrics.gauge('cooee_test_readings', readings);
    });
    expect(metrics.text()).toContain('cooee_test_readings 1');
    expect(metrics.text()).toContain('cooee_test_readings 2');
  });
});
