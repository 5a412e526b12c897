import { type Comparison, comparisonOf } from '../lib/comparison.ts';
import { rest } from '../lib/process.ts';
import { type Cluster, MEMBERS, settled } from './cluster/cluster.ts';
import { EtcdCluster } from './cluster/etcd.ts';
import { contenders, type MakeCluster, onCluster, progress, type Setting } from './setting.ts';
import { WriterProcess } from './writer-process.ts';

/** Fresh writes come this often, so that none is stuck behind one that went to the dead leader. */
const EVERY_MS = 10;
const TIMEOUT_MS = 30_000;
/** Between two trials: no member is busy with the last one any more. */
const REST_MS = 1000;

/** From the signal to the leader until a write that was begun after it is committed. */
async function trial(
  cluster: Cluster,
  writer: WriterProcess,
  signal: 'SIGKILL' | 'SIGSTOP',
): Promise<number> {
  const leader = await settled(cluster);
  await rest(REST_MS);
  // The signal comes at any moment between two heartbeats.
  const afterMs = 300 + Math.random() * 200;
  const { beginMs, committedMs } = await writer.probe({
    targets: cluster.targets.filter((_, at) => at !== leader),
    everyMs: EVERY_MS,
    timeoutMs: TIMEOUT_MS,
    kill: { pid: cluster.pid(leader), signal, afterMs },
  });
  if (signal === 'SIGSTOP') {
    cluster.signal(leader, 'SIGCONT');
  } else {
    await cluster.gone(leader);
    cluster.spawn(leader);
  }
  return committedMs - beginMs;
}

async function trials(
  make: MakeCluster,
  signal: 'SIGKILL' | 'SIGSTOP',
  count: number,
): Promise<number[]> {
  const writer = new WriterProcess();
  try {
    return await onCluster(make, async (cluster) => {
      const found: number[] = [];
      for (let n = 0; n < count; n += 1) {
        found.push(await trial(cluster, writer, signal));
        progress(`failover ${cluster.api} ${signal} ${n + 1}: ${found.at(-1)?.toFixed(0)} ms`);
      }
      return found;
    });
  } finally {
    await writer.close();
  }
}

/** etcd with timers as short as ours. */
const quickEtcd: MakeCluster = () =>
  new EtcdCluster(['--heartbeat-interval', '30', '--election-timeout', '300']);

/** The leader dies; the leader freezes. */
export async function benchFailover(setting: Setting): Promise<Comparison[]> {
  const [ours, etcd] = contenders(setting);
  if (ours === undefined) return [];
  const kills = setting.isShort ? 4 : 20;
  const freezes = setting.isShort ? 2 : 10;
  const killed = {
    ours: await trials(ours, 'SIGKILL', kills),
    peer: etcd === undefined ? [] : await trials(etcd, 'SIGKILL', kills),
  };
  const quick = etcd === undefined ? [] : await trials(quickEtcd, 'SIGKILL', kills);
  const frozen = {
    ours: await trials(ours, 'SIGSTOP', freezes),
    peer: etcd === undefined ? [] : await trials(etcd, 'SIGSTOP', freezes),
  };
  const max = (values: readonly number[]): number[] =>
    values.length === 0 ? [] : [Math.max(...values)];
  const ms = { unit: 'ms' };
  return [
    comparisonOf('leader killed → next commit, median', killed, {
      ...ms,
      floor: { atMost: 250 },
      aim: { atMost: 150 },
      note: `${MEMBERS.length - 1} survivors are written to`,
    }),
    comparisonOf(
      'leader killed → next commit, max',
      { ours: max(killed.ours), peer: max(killed.peer) },
      { ...ms, floor: { atMost: 600 }, aim: { atMost: 400 } },
    ),
    comparisonOf(
      'leader killed, median, beside etcd with timers of 30/300 ms',
      { ours: killed.ours, peer: quick },
      ms,
    ),
    comparisonOf('leader frozen → next commit, median', frozen, {
      ...ms,
      floor: { atMost: 800 },
      aim: { atMost: 500 },
    }),
  ];
}
