import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Timer } from '../../protocols/interface/index.ts';
import type { MetricsBook } from './metrics.ts';

const NAME = 'cooee_daemon_event_loop_delay_seconds';
/** A sample each 20 ms: its timer lives outside of JavaScript. */
const RESOLUTION_MS = 20;
/** Whoever collects metrics reads them more often than this. */
const UNREAD_MS = 5 * 60_000;
const NS_PER_MS = 1e6;
const MS_PER_SECOND = 1e3;

/**
 * Gauges how late the event loop turns, from one reading of the metrics to the next: a daemon whose
 * 0.99 quantile is high keeps everybody waiting who asks it something. Samples are taken from the
 * first reading on, as long as there are more: they wake the processor of a daemon that is at rest
 * fifty times a second, half of all that does.
 */
export function gaugeLoopDelay(
  metrics: MetricsBook,
  clock: Pick<Clock, 'schedule'>,
  delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS }),
): void {
  let unread: Timer | undefined;
  metrics.onRead(() => {
    // No change where they are on already.
    delays.enable();
    unread?.cancel();
    unread = clock.schedule(UNREAD_MS, () => delays.disable());
    const { count, max } = delays;
    const gauge = (quantile: string, ns: number): void => {
      // A sample is the time between two turns, which a loop without any delay needs as well.
      const delayMs = count === 0 ? 0 : Math.max(0, ns / NS_PER_MS - RESOLUTION_MS);
      metrics.gauge(NAME, delayMs / MS_PER_SECOND, { quantile });
    };
    gauge('0.5', delays.percentile(50));
    gauge('0.99', delays.percentile(99));
    gauge('1', max);
    delays.reset();
  });
}
