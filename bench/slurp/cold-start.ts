import { type Comparison, comparisonOf } from '../lib/comparison.ts';
import { type Cluster, MEMBERS, settled } from './cluster/cluster.ts';
import { contenders, type MakeCluster, onCluster, progress, type Setting } from './setting.ts';
import { WriterProcess } from './writer-process.ts';

const EVERY_MS = 10;
const TIMEOUT_MS = 60_000;

const epochMs = (): number => performance.timeOrigin + performance.now();

/** All three are stopped and started again: from the first start to the first commit. */
async function restartMs(cluster: Cluster, writer: WriterProcess): Promise<number> {
  await settled(cluster);
  for (const at of MEMBERS) cluster.signal(at, 'SIGTERM');
  await Promise.all(MEMBERS.map((at) => cluster.gone(at)));
  const beginMs = epochMs();
  for (const at of MEMBERS) cluster.spawn(at);
  const { committedMs } = await writer.probe({
    targets: cluster.targets,
    everyMs: EVERY_MS,
    timeoutMs: TIMEOUT_MS,
  });
  return committedMs - beginMs;
}

interface Run {
  readonly freshMs: number;
  readonly againMs: readonly number[];
}

async function measure(make: MakeCluster, count: number): Promise<Run> {
  const writer = new WriterProcess();
  const beginMs = epochMs();
  try {
    return await onCluster(make, async (cluster) => {
      const { targets } = cluster;
      const task = { targets, everyMs: EVERY_MS, timeoutMs: TIMEOUT_MS };
      const freshMs = (await writer.probe(task)).committedMs - beginMs;
      const againMs: number[] = [];
      for (let n = 0; n < count; n += 1) {
        againMs.push(await restartMs(cluster, writer));
        progress(`start ${cluster.api} ${n + 1}: ${againMs.at(-1)?.toFixed(0)} ms`);
      }
      return { freshMs, againMs };
    });
  } finally {
    await writer.close();
  }
}

/** Three processes are started. */
export async function benchColdStart(setting: Setting): Promise<Comparison[]> {
  const runs: Run[] = [];
  for (const make of contenders(setting)) runs.push(await measure(make, setting.isShort ? 2 : 5));
  const [ours, etcd] = runs;
  return [
    comparisonOf(
      'cold start of 3 to first commit',
      { ours: ours?.againMs ?? [], peer: etcd?.againMs ?? [] },
      {
        unit: 'ms',
        floor: { atMost: 2000 },
        aim: { atMost: 1200 },
        note: 'members with their data',
      },
    ),
    comparisonOf(
      'from nothing to the first commit of three voters',
      {
        ours: ours === undefined ? [] : [ours.freshMs],
        peer: etcd === undefined ? [] : [etcd.freshMs],
      },
      { unit: 'ms', note: 'ours: a genesis and two joins, one after the other' },
    ),
  ];
}
