import { spawn } from 'node:child_process';
import type { Comparison } from '../lib/comparison.ts';
import { median, quantile } from '../lib/figure.ts';
import { anonymousMb, rest, rssMb } from '../lib/process.ts';
import { settled } from './cluster/cluster.ts';
import { OurCluster } from './cluster/ours.ts';
import { onCluster, progress, type Setting } from './setting.ts';
import { WriterProcess } from './writer-process.ts';

async function termOf(cluster: OurCluster): Promise<number> {
  const seen = await Promise.all(cluster.hosts.map((host) => host.client.call('getStatus')));
  return Math.max(...seen.map(({ slurp }) => slurp.term));
}

/** Terms that pass while nothing is wrong but a core that is kept busy. */
export async function benchElections(setting: Setting): Promise<Comparison[]> {
  const minutes = setting.isLong ? 10 : setting.isShort ? 0.25 : 1;
  const cluster = new OurCluster(setting.voters);
  const writer = new WriterProcess();
  const elections = await onCluster(
    () => cluster,
    async () => {
      const leader = await settled(cluster);
      const before = await termOf(cluster);
      const burner = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
      try {
        await writer.loop({
          targets: cluster.targets.slice(leader, leader + 1),
          connections: 1,
          warmUpMs: 0,
          durationMs: minutes * 60_000,
        });
      } finally {
        burner.kill('SIGKILL');
        await writer.close();
      }
      return (await termOf(cluster)) - before;
    },
  );
  return [
    {
      name: `needless elections in ${minutes} min with one core burnt`,
      unit: '',
      ours: elections,
      floor: { atMost: 0 },
      aim: { atMost: 0 },
      note: 'while one caller writes without pause',
    },
  ];
}

const SLICE = 20_000;

/** How much the daemons grow while the log does. */
export async function benchMemory(setting: Setting): Promise<Comparison[]> {
  if (!setting.isLong) return [];
  const commits = 1_000_000;
  const cluster = new OurCluster(setting.voters);
  const writer = new WriterProcess();
  let rssMaxMb = 0;
  const memory = await onCluster(
    () => cluster,
    async () => {
      const samples: number[][] = [];
      const targets = cluster.targets;
      const leader = await settled(cluster);
      const at = targets.slice(leader, leader + 1);
      for (let done = 0; done < commits; done += SLICE) {
        const task = { targets: at, connections: 64, warmUpMs: 0, durationMs: 600_000 };
        const { perSecond } = await writer.loop({ ...task, count: SLICE });
        const pids = cluster.hosts.map((_, member) => cluster.pid(member));
        samples.push(pids.map(anonymousMb));
        rssMaxMb = Math.max(rssMaxMb, ...pids.map(rssMb));
        const now = samples.at(-1)?.map((mb) => mb.toFixed(0));
        progress(
          `memory: ${done + SLICE} commits, ${perSecond.toFixed(0)}/s, MB ${now?.join(' ')}`,
        );
      }
      await rest(1000);
      return samples;
    },
  ).finally(() => writer.close());
  const largestMb = quantile(memory.flat(), 1).toFixed(0);
  const largest = `${largestMb} MB, ${rssMaxMb.toFixed(0)} with mapped files`;
  const growth = cluster.hosts.map((_, member) => growthMb(memory.map((row) => row[member] ?? 0)));
  return [
    {
      name: 'growth of memory over 1 M commits, worst of the three',
      unit: 'MB',
      ours: Math.max(...growth),
      floor: { atMost: 20 },
      aim: { atMost: 20 },
      ourRuns: growth.map((mb) => Math.round(mb)),
      note: `from the second tenth to the last; at most ${largest}`,
    },
  ];
}

function growthMb(samples: readonly number[]): number {
  const tenth = Math.floor(samples.length / 10);
  return median(samples.slice(-tenth)) - median(samples.slice(tenth, 2 * tenth));
}
