import { type Comparison, comparisonOf } from '../../lib/comparison.ts';
import { rest } from '../../lib/process.ts';
import { settled } from '../cluster/cluster.ts';
import { EtcdCluster } from '../cluster/etcd.ts';
import { onCluster, progress, type Setting } from '../setting.ts';
import type { LoopResult } from '../writer.ts';
import { WriterProcess } from '../writer-process.ts';
import { BareMembers } from './members.ts';

const IN_FLIGHT = 64;

interface Run {
  readonly sequential: LoopResult;
  readonly parallel: LoopResult;
}

/**
 * What Node.js can do at all here: processes without a signature, a schema, a state, encryption or
 * Raft. What is left to the floors of the commits beside that is for all that COOEE is.
 */
export async function benchBare(setting: Setting): Promise<Comparison[]> {
  const writer = new WriterProcess();
  const runs = { bare: [] as Run[], etcd: [] as Run[] };
  const measure = async (target: Parameters<typeof writer.loop>[0]['targets'][0]): Promise<Run> => {
    const durationMs = setting.isShort ? 2000 : 6000;
    const task = { targets: [target], warmUpMs: durationMs / 2, durationMs };
    const parallel = await writer.loop({ ...task, connections: IN_FLIGHT });
    return { parallel, sequential: await writer.loop({ ...task, connections: 1 }) };
  };
  try {
    for (let round = 0; round < (setting.isShort ? 1 : 3); round += 1) {
      const members = new BareMembers();
      try {
        runs.bare.push(await measure(await members.start()));
      } finally {
        await members.close();
      }
      await rest(1000);
      if (!setting.hasEtcd) continue;
      await onCluster(
        () => new EtcdCluster(),
        async (cluster) => {
          const target = cluster.targets[await settled(cluster)];
          if (target !== undefined) runs.etcd.push(await measure(target));
        },
      );
      progress(`bare, round ${round + 1}: ${JSON.stringify(runs.bare.at(-1))}`);
    }
  } finally {
    await writer.close();
  }
  const of = (pick: (run: Run) => number): { ours: number[]; peer: number[] } => ({
    ours: runs.bare.map(pick),
    peer: runs.etcd.map(pick),
  });
  const note = 'three bare processes, not COOEE';
  const ms = { unit: 'ms', note };
  return [
    comparisonOf(
      'bare: sequential, p50',
      of((run) => run.sequential.p50Ms),
      ms,
    ),
    comparisonOf(
      'bare: sequential, p99',
      of((run) => run.sequential.p99Ms),
      ms,
    ),
    comparisonOf(
      `bare: ${IN_FLIGHT} in flight`,
      of((run) => run.parallel.perSecond),
      {
        unit: '/s',
        note,
      },
    ),
    comparisonOf(
      `bare: ${IN_FLIGHT} in flight, p99`,
      of((run) => run.parallel.p99Ms),
      ms,
    ),
  ];
}
