import { type Comparison, comparisonOf } from '../lib/comparison.ts';
import { loopDelayMs } from '../lib/event-loop.ts';
import { rest } from '../lib/process.ts';
import { type Cluster, settled } from './cluster/cluster.ts';
import { OurCluster } from './cluster/ours.ts';
import { contenders, onCluster, progress, type Setting } from './setting.ts';
import type { LoopResult } from './writer.ts';
import { WriterProcess } from './writer-process.ts';

interface Run {
  /** In flight as many, in the first seconds of the processes: V8 still compiles. */
  readonly young: LoopResult;
  readonly sequential: LoopResult;
  readonly parallel: LoopResult;
  /** Through one that does not lead. */
  readonly follower: LoopResult;
  /** In flight as many, through all three. */
  readonly spread: LoopResult;
  /** Of ours: the worst of the three while 64 writes are in flight. */
  readonly delayMs: number | undefined;
}

const IN_FLIGHT = 64;

/** Twice, with many in flight and with one, before anything but the first seconds is measured. */
const WARM_UP_MS = 15_000;

async function measure(cluster: Cluster, writer: WriterProcess, isShort: boolean): Promise<Run> {
  const leader = await settled(cluster);
  const targets = cluster.targets.slice(leader, leader + 1);
  const followers = cluster.targets.filter((_, at) => at !== leader).slice(0, 1);
  const durationMs = isShort ? 2000 : 6000;
  const times = { warmUpMs: isShort ? 1000 : 3000, durationMs };
  const young = await writer.loop({ targets, connections: IN_FLIGHT, warmUpMs: 0, durationMs });
  // A daemon runs for months. V8 compiles what it finds to be hot for half a minute.
  for (const connections of isShort ? [] : [IN_FLIGHT, 1]) {
    await writer.loop({ targets, connections, warmUpMs: 0, durationMs: WARM_UP_MS });
  }
  const hosts = cluster instanceof OurCluster ? cluster.hosts : [];
  for (const host of hosts) await loopDelayMs(host);
  const parallel = await writer.loop({
    targets,
    connections: IN_FLIGHT,
    warmUpMs: 0,
    durationMs,
  });
  const delays = await Promise.all(hosts.map(loopDelayMs));
  const sequential = await writer.loop({ targets, connections: 1, ...times });
  const follower = await writer.loop({ targets: followers, connections: 1, ...times });
  const spread = await writer.loop({
    ...times,
    targets: cluster.targets,
    connections: IN_FLIGHT,
  });
  const delayMs = delays.length === 0 ? undefined : Math.max(...delays.map(({ p99 }) => p99));
  return { young, sequential, parallel, follower, spread, delayMs };
}

/** Commits one after the other, and 64 at a time, of 256 bytes, through the leader. */
export async function benchCommit(setting: Setting): Promise<Comparison[]> {
  const runs = { ours: [] as Run[], etcd: [] as Run[] };
  const writer = new WriterProcess();
  try {
    for (let round = 0; round < (setting.isShort ? 1 : 3); round += 1) {
      for (const make of contenders(setting)) {
        const { api } = await onCluster(make, async (cluster) => {
          runs[cluster.api].push(await measure(cluster, writer, setting.isShort));
          return cluster;
        });
        progress(`commit, round ${round + 1}: ${api} ${JSON.stringify(runs[api].at(-1))}`);
        await rest(1000);
      }
    }
  } finally {
    await writer.close();
  }
  return rows(runs.ours, runs.etcd);
}

type Picked = { readonly ours: number[]; readonly peer: number[] };
type Pick = (pick: (run: Run) => number) => Picked;

const MS = { unit: 'ms' } as const;
const ratio = (bound: { readonly atMost?: number; readonly atLeast?: number }) =>
  ({ of: 'ratio', ...bound }) as const;

function rows(ours: readonly Run[], etcd: readonly Run[]): Comparison[] {
  const of: Pick = (pick) => ({ ours: ours.map(pick), peer: etcd.map(pick) });
  const delays = ours.flatMap(({ delayMs }) => (delayMs === undefined ? [] : [delayMs]));
  const loop = 'event-loop delay p99 meanwhile, worst of the three';
  return [...boundRows(of), comparisonOf(loop, { ours: delays, peer: [] }, MS), ...otherRows(of)];
}

function boundRows(of: Pick): Comparison[] {
  const p50 = of((run) => run.sequential.p50Ms);
  const p99 = of((run) => run.sequential.p99Ms);
  const perSecond = of((run) => run.parallel.perSecond);
  const parallelP99 = of((run) => run.parallel.p99Ms);
  return [
    comparisonOf('sequential commit, p50', p50, {
      ...MS,
      floor: ratio({ atMost: 1.6 }),
      aim: ratio({ atMost: 1 }),
    }),
    comparisonOf('sequential commit, p99', p99, {
      ...MS,
      floor: ratio({ atMost: 3 }),
      aim: ratio({ atMost: 1.5 }),
    }),
    comparisonOf(`${IN_FLIGHT} in flight, commits`, perSecond, {
      unit: '/s',
      floor: ratio({ atLeast: 2 }),
      aim: ratio({ atLeast: 3 }),
    }),
    comparisonOf(`${IN_FLIGHT} in flight, p99`, parallelP99, {
      ...MS,
      floor: { atMost: 30 },
      aim: { atMost: 20 },
    }),
  ];
}

function otherRows(of: Pick): Comparison[] {
  const young = of((run) => run.young.perSecond);
  const follower = of((run) => run.follower.p50Ms);
  const spread = of((run) => run.spread.perSecond);
  const spreadP99 = of((run) => run.spread.p99Ms);
  return [
    comparisonOf(`${IN_FLIGHT} in flight, commits in the first seconds`, young, { unit: '/s' }),
    comparisonOf('sequential commit through a follower, p50', follower, MS),
    comparisonOf(`${IN_FLIGHT} in flight through all three, commits`, spread, { unit: '/s' }),
    comparisonOf(`${IN_FLIGHT} in flight through all three, p99`, spreadP99, MS),
    comparisonOf('writes that failed', of(failures), { unit: '' }),
  ];
}

const failures = ({ young, sequential, parallel, follower, spread }: Run): number =>
  young.failed + sequential.failed + parallel.failed + follower.failed + spread.failed;
