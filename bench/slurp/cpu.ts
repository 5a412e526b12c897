import { type Comparison, comparisonOf } from '../lib/comparison.ts';
import { cpuMs, mainThreadMs } from '../lib/proc.ts';
import { rest } from '../lib/process.ts';
import { type Cluster, MEMBERS, settled } from './cluster/cluster.ts';
import { contenders, onCluster, progress, type Setting } from './setting.ts';
import { WriterProcess } from './writer-process.ts';

const IN_FLIGHT = 64;

/** CPU that a commit takes, µs of a process's time. */
interface Cost {
  readonly leader: number;
  /** Of the leader, its first thread alone: what a commit waits for. */
  readonly mainThread: number;
  readonly follower: number;
}

interface Run {
  readonly sequential: Cost;
  readonly parallel: Cost;
}

async function costOf(cluster: Cluster, task: () => Promise<number>): Promise<Cost> {
  const leader = await settled(cluster);
  const pids = MEMBERS.map((at) => cluster.pid(at));
  const leaderPid = pids[leader] ?? 0;
  const before = { all: pids.map(cpuMs), main: mainThreadMs(leaderPid) };
  const count = await task();
  await settled(cluster);
  const perCommitUs = (usedMs: number): number => (usedMs * 1000) / count;
  const used = pids.map((pid, at) => cpuMs(pid) - (before.all[at] ?? 0));
  const followers = used.filter((_, at) => at !== leader);
  return {
    leader: perCommitUs(used[leader] ?? 0),
    mainThread: perCommitUs(mainThreadMs(leaderPid) - before.main),
    follower: perCommitUs(followers.reduce((sum, it) => sum + it, 0) / followers.length),
  };
}

async function measure(cluster: Cluster, writer: WriterProcess, isShort: boolean): Promise<Run> {
  const leader = await settled(cluster);
  const targets = cluster.targets.slice(leader, leader + 1);
  const scale = isShort ? 1 : 3;
  const write = async (connections: number, count: number): Promise<number> => {
    const loop = { targets, connections, warmUpMs: 0, durationMs: 120_000, count };
    return (await writer.loop(loop)).count;
  };
  await write(IN_FLIGHT, 6000 * scale);
  const parallel = await costOf(cluster, () => write(IN_FLIGHT, 6000 * scale));
  await write(1, 500);
  const sequential = await costOf(cluster, () => write(1, 1500 * scale));
  return { sequential, parallel };
}

/**
 * CPU for each commit. Unlike times it says the same on a machine that others use too, so it shows
 * what a change of the program is worth.
 */
export async function benchCpu(setting: Setting): Promise<Comparison[]> {
  const runs = { ours: [] as Run[], etcd: [] as Run[] };
  const writer = new WriterProcess();
  try {
    for (const make of contenders(setting)) {
      await onCluster(make, async (cluster) => {
        const run = await measure(cluster, writer, setting.isShort);
        runs[cluster.api].push(run);
        progress(`cpu: ${cluster.api} ${JSON.stringify(run)}`);
      });
      await rest(1000);
    }
  } finally {
    await writer.close();
  }
  return rows(runs.ours, runs.etcd);
}

function rows(ours: readonly Run[], etcd: readonly Run[]): Comparison[] {
  const row = (name: string, pick: (run: Run) => number): Comparison =>
    comparisonOf(name, { ours: ours.map(pick), peer: etcd.map(pick) }, { unit: 'µs' });
  return [
    row('CPU of a commit, leader, one at a time', ({ sequential }) => sequential.leader),
    row('its first thread alone', ({ sequential }) => sequential.mainThread),
    row('CPU of a commit, each follower', ({ sequential }) => sequential.follower),
    row(`CPU of a commit, leader, ${IN_FLIGHT} in flight`, ({ parallel }) => parallel.leader),
    row('its first thread alone, in flight', ({ parallel }) => parallel.mainThread),
    row('CPU of a commit, each follower, in flight', ({ parallel }) => parallel.follower),
  ];
}
