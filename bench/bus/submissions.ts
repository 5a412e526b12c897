import { until } from '../../test/mesh/harness.ts';
import type { Figure } from '../lib/figure.ts';
import { settled } from '../slurp/cluster/cluster.ts';
import { OurCluster } from '../slurp/cluster/ours.ts';
import { WriterProcess } from '../slurp/writer-process.ts';

const CLIENTS = 8;

/**
 * Handing in at a follower of three voters on loopback, one after the other; then many at once
 * through all three, until each of them shows all as committed.
 */
export async function benchSubmissions(isShort: boolean): Promise<readonly Figure[]> {
  const cluster = new OurCluster();
  const writer = new WriterProcess();
  try {
    await cluster.start();
    const leader = await settled(cluster);
    const targets = cluster.targets.filter((_, at) => at !== leader).slice(0, 1);
    const times = { warmUpMs: isShort ? 500 : 3_000, durationMs: isShort ? 1_000 : 6_000 };
    const one = { targets, connections: 1, ...times };
    const committed = await writer.loop(one);
    const accepted = await writer.loop({ ...one, until: 'accepted' });
    await settled(cluster);
    const before = await committedCount(cluster);
    const count = isShort ? 1_000 : 10_000;
    const beginMs = performance.now();
    await writer.loop({
      targets: cluster.targets,
      connections: CLIENTS,
      warmUpMs: 0,
      durationMs: 120_000,
      count,
      until: 'accepted',
    });
    await until(
      'all are committed everywhere',
      async () => (await committedCount(cluster)) >= before + count * cluster.hosts.length,
      120_000,
    );
    const perSecond = (count / (performance.now() - beginMs)) * 1_000;
    const by = `${CLIENTS} clients, 3 nodes, each shows all`;
    return [
      { name: 'accepted at a follower, p50', value: accepted.p50Ms, unit: 'ms', ...atMost(1) },
      { name: 'accepted at a follower, p99', value: accepted.p99Ms, unit: 'ms' },
      { name: 'committed at a follower, p50', value: committed.p50Ms, unit: 'ms', ...atMost(3) },
      { name: 'committed at a follower, p99', value: committed.p99Ms, unit: 'ms' },
      {
        ...{ name: `${count} submissions`, value: perSecond, unit: '/s', note: by },
        wanted: { atLeast: 2_000 },
      },
    ];
  } finally {
    await writer.close();
    await cluster.close();
  }
}

const atMost = (ms: number) => ({ wanted: { atMost: ms } });

/** How many submissions are committed, summed over the hosts. */
async function committedCount({ hosts }: OurCluster): Promise<number> {
  let count = 0;
  for (const { client } of hosts) {
    const query = { state: 'committed', limit: 1 } as const;
    const { submissions, cursor } = await client.call('listSubmissions', { query });
    // The cursor of a page of one names how many come behind it.
    count += submissions.length + Number(/^committed\.(\d+)$/.exec(cursor ?? '')?.[1] ?? 0);
  }
  return count;
}
