import { until } from '../../test/mesh/harness.ts';
import type { Comparison } from '../lib/comparison.ts';
import { rssMb } from '../lib/process.ts';
import { settled } from './cluster/cluster.ts';
import { OurCluster } from './cluster/ours.ts';
import { progress, type Setting } from './setting.ts';
import { WriterProcess } from './writer-process.ts';

/** An empty host joins a mesh with a long log. */
export async function benchCatchUp(setting: Setting): Promise<Comparison[]> {
  const commits = setting.isShort ? 10_000 : 100_000;
  const cluster = new OurCluster(setting.voters);
  const writer = new WriterProcess();
  try {
    await cluster.start();
    const leader = await settled(cluster);
    await writer.loop({
      targets: cluster.targets.slice(leader, leader + 1),
      connections: 64,
      warmUpMs: 0,
      durationMs: 600_000,
      count: commits,
    });
    await settled(cluster);
    const [first] = cluster.hosts;
    if (first === undefined) throw new Error('no host');
    const { slurp } = await first.client.call('getStatus');
    progress(`catch-up: ${commits} commits are ${slurp.appliedIndex} entries`);
    const replica = cluster.addHost('replica');
    const invite = await first.invite();
    const beginMs = performance.now();
    replica.spawn('--log-level', 'warn', '--join', invite);
    await until(
      'the replica has everything',
      async () => (await replica.client.call('getStatus')).slurp.appliedIndex >= slurp.appliedIndex,
      120_000,
    );
    const tookS = (performance.now() - beginMs) / 1000;
    const rss = rssMb(replica.pid ?? 0);
    return [
      {
        name: `an empty replica catches up ${commits.toLocaleString('en')} commits of 256 bytes`,
        unit: 's',
        ours: tookS,
        floor: { atMost: 10 },
        aim: { atMost: 5 },
        note: `${slurp.appliedIndex} entries; with its start and join; RSS ${rss.toFixed(0)} MB`,
      },
    ];
  } finally {
    await writer.close();
    await cluster.close();
  }
}
