import { type TestHost, until } from '../../test/mesh/harness.ts';
import { type Figure, quantile } from '../lib/figure.ts';
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
    const count = isShort ? 20 : 200;
    for (let n = 0; n < count; n += 1) {
      const question = `question ${n}`;
      for (const watch of watches) watch.expect(question);
      const { id } = await leader.client.call('openCall', { body: { question } });
      await until('both saw it', () => watches.every((watch) => watch.hasSeen(question)));
      // There is a bound on open calls.
      await leader.client.call('withdrawCall', { params: { id }, query: { wait: 'committed' } });
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

/** Times events by the question that they are about. */
class Watch {
  isOpen = false;
  readonly tookMs: number[] = [];
  readonly #begunMs = new Map<string, number>();
  readonly #seen = new Set<string>();

  constructor(host: TestHost, signal: AbortSignal) {
    void this.#run(host, signal);
  }

  expect(question: string): void {
    this.#begunMs.set(question, performance.now());
  }

  hasSeen(question: string): boolean {
    return this.#seen.has(question);
  }

  async #run(host: TestHost, signal: AbortSignal): Promise<void> {
    for await (const item of host.client.watch({ match: 'call:open', signal, opens: true })) {
      if (item.kind === 'open') this.isOpen = true;
      if (item.kind !== 'event') continue;
      const atMs = performance.now();
      const { question } = item.event.data as { readonly question: string };
      const begunMs = this.#begunMs.get(question);
      if (begunMs === undefined) continue;
      this.tookMs.push(atMs - begunMs);
      this.#seen.add(question);
    }
  }
}
