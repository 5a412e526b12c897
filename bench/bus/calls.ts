import { type TestHost, until } from '../../test/mesh/harness.ts';
import { type Figure, quantile } from '../lib/figure.ts';
import { rest } from '../lib/process.ts';
import { settled } from '../slurp/cluster/cluster.ts';
import { OurCluster } from '../slurp/cluster/ours.ts';

/**
 * From the request that opens a call at the leader to its event on another voter's stream, and on
 * that of a member without a vote.
 */
export async function benchCalls(isShort: boolean): Promise<readonly Figure[]> {
  const cluster = new OurCluster();
  const over = new AbortController();
  try {
    await cluster.start();
    const leader = cluster.hosts[await settled(cluster)] as TestHost;
    const voter = cluster.hosts.find((host) => host !== leader) as TestHost;
    const replica = cluster.addHost('replica');
    await replica.up('--log-level', 'warn', '--join', await leader.invite());
    const watches = [new Watch(voter, over.signal), new Watch(replica, over.signal)];
    await until('both watch', () => watches.every(({ isOpen }) => isOpen));
    const count = isShort ? 20 : 100;
    for (let n = 0; n < count; n += 1) {
      const begunMs = performance.now();
      const { id } = await leader.client.call('openCall', { body: { question: `call ${n}?` } });
      await until('both saw it', () => watches.every((watch) => watch.seenMs.has(id)));
      for (const watch of watches) watch.take(id, begunMs);
      // There is a bound on open calls.
      await leader.client.call('withdrawCall', { params: { id }, query: { wait: 'committed' } });
      // Calls are rare: at more than five entries a second, a replica hears of them in rounds.
      await rest(300);
    }
    over.abort();
    const [voted = [], followed = []] = watches.map(({ tookMs }) => tookMs);
    return [
      figure('call seen on another voter, p50', quantile(voted, 0.5), 10),
      figure('call seen on another voter, p99', quantile(voted, 0.99)),
      figure('call seen on a replica, p50', quantile(followed, 0.5), 50),
      figure('call seen on a replica, p99', quantile(followed, 0.99)),
    ];
  } finally {
    over.abort();
    await cluster.close();
  }
}

function figure(name: string, value: number, atMost?: number): Figure {
  return { name, value, unit: 'ms', ...(atMost === undefined ? {} : { wanted: { atMost } }) };
}

/** When a host told of calls, by their id. */
class Watch {
  isOpen = false;
  readonly seenMs = new Map<string, number>();
  readonly tookMs: number[] = [];

  constructor(host: TestHost, signal: AbortSignal) {
    void this.#run(host, signal);
  }

  take(id: string, begunMs: number): void {
    this.tookMs.push((this.seenMs.get(id) ?? Number.NaN) - begunMs);
  }

  async #run(host: TestHost, signal: AbortSignal): Promise<void> {
    for await (const item of host.client.watch({ match: 'call:open', signal, opens: true })) {
      if (item.kind === 'open') this.isOpen = true;
      if (item.kind !== 'event') continue;
      const { id } = item.event.data as { readonly id: string };
      this.seenMs.set(id, performance.now());
    }
  }
}
