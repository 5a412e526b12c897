import type { TestHost } from '../../test/mesh/harness.ts';

const DELAY = 'cooee_daemon_event_loop_delay_seconds';

/** How late the daemon's event loop turned since it was asked last, ms; asking begins it anew. */
export async function loopDelayMs(host: TestHost): Promise<{ p99: number; max: number }> {
  const text = await host.client.call('getMetrics');
  const gaugeOf = (quantile: string): number => {
    const line = text.split('\n').find((it) => it.startsWith(`${DELAY}{quantile="${quantile}"}`));
    return Number(line?.split(' ')[1]) * 1000;
  };
  return { p99: gaugeOf('0.99'), max: gaugeOf('1') };
}
