import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../test/mesh/harness.ts';
import type { Comparison } from '../lib/comparison.ts';
import { rest } from '../lib/process.ts';
import { type Cluster, MEMBERS, settled } from './cluster/cluster.ts';
import { contenders, onCluster, progress, type Setting } from './setting.ts';
import { WriterProcess } from './writer-process.ts';

const COMMITS = 300;

interface Trace {
  readonly child: ChildProcess;
  readonly file: string;
}

async function attach(pid: number, file: string): Promise<Trace> {
  const words = ['-f', '-e', 'trace=fsync,fdatasync', '-o', file, '-p', String(pid)];
  const child = spawn('strace', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until('strace is attached', () => said.includes('attached'), 5000);
  return { child, file };
}

async function detach({ child, file }: Trace): Promise<number> {
  const gone = new Promise((done) => child.once('close', done));
  child.kill('SIGINT');
  await gone;
  // A call that was interrupted by another thread's has a second line, "resumed".
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => / f(?:data)?sync\(/.test(line)).length;
}

/** Syncs of each member for the commits, most first. */
async function count(cluster: Cluster, writer: WriterProcess, folder: string): Promise<number[]> {
  const leader = await settled(cluster);
  await rest(1000);
  const traces = await Promise.all(
    MEMBERS.map((at) => attach(cluster.pid(at), join(folder, `${cluster.api}-${at}`))),
  );
  const { count: committed } = await writer.loop({
    targets: cluster.targets.slice(leader, leader + 1),
    connections: 1,
    warmUpMs: 0,
    durationMs: 60_000,
    count: COMMITS,
  });
  const counts = await Promise.all(traces.map(detach));
  progress(`fsyncs ${cluster.api}: ${committed} commits, by member ${counts.join(' ')}`);
  return counts.sort((a, b) => b - a);
}

/** Whether a commit was on the disk of a majority before it was acknowledged. */
export async function benchFsyncs(setting: Setting): Promise<Comparison[]> {
  if (spawnSync('strace', ['-V']).error !== undefined) {
    progress('fsyncs: strace is not installed; not measured');
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), 'cooee-bench-strace-'));
  const writer = new WriterProcess();
  const all: number[][] = [];
  try {
    for (const make of contenders(setting)) {
      all.push(await onCluster(make, (cluster) => count(cluster, writer, folder)));
    }
  } finally {
    await writer.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const [ours = [], etcd] = all;
  const atLeast = { atLeast: COMMITS };
  // Of three, what the second one has is what a majority has.
  return [
    {
      name: `fsyncs of each of a majority for ${COMMITS} sequential commits`,
      unit: '',
      ours: ours[1] ?? 0,
      ...(etcd?.[1] === undefined ? {} : { peer: etcd[1] }),
      floor: atLeast,
      aim: atLeast,
      ourRuns: ours,
      ...(etcd === undefined ? {} : { peerRuns: etcd }),
      note: 'runs: each member',
    },
  ];
}
