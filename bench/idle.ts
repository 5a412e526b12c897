// What a daemon takes of its host while nobody asks anything of it: processor time, wake-ups, bytes
// on the disk and on the network, by the size of the mesh. Real daemons on loopback; Linux tells a
// process's share in /proc. Run: npm run build && node bench/idle.ts [--json]
import { TestMesh, until } from '../test/mesh/harness.ts';
import { type Figure, figureOf, print } from './lib/figure.ts';
import { type Host, startHosts } from './lib/full-mesh.ts';
import { cpuMs, diskBytes, loopbackBytes, wakeUps } from './lib/proc.ts';
import { rest, rssMb } from './lib/process.ts';

const SIZES = [1, 3, 8, 16];
/** Until the work of the start is over: detection, voters, first announcements. */
const SETTLE_MS = 30_000;
const MEASURED_MS = 30_000;

interface Taken {
  readonly cpuMs: number;
  readonly wakeUps: number;
  readonly diskBytes: number;
}

const takenBy = (pid: number): Taken => ({
  cpuMs: cpuMs(pid),
  wakeUps: wakeUps(pid),
  diskBytes: diskBytes(pid),
});

const perSecond = (difference: number): number => difference / (MEASURED_MS / 1000);

async function leaderOf(hosts: readonly Host[]): Promise<number> {
  let leader = -1;
  await until('somebody leads', async () => {
    const all = await Promise.all(hosts.map((host) => host.client.call('getStatus')));
    leader = all.findIndex(({ slurp }) => slurp.isLeader);
    return leader >= 0;
  });
  return leader;
}

async function measure(size: number): Promise<Figure[]> {
  const mesh = new TestMesh();
  try {
    const hosts = await startHosts(mesh, size);
    await rest(SETTLE_MS);
    const leader = await leaderOf(hosts);
    const pids = hosts.map(({ pid }) => pid ?? 0);
    const before = pids.map(takenBy);
    const bytesBefore = loopbackBytes();
    await rest(MEASURED_MS);
    const bytes = perSecond(loopbackBytes() - bytesBefore);
    const taken = pids.map((pid, at) => difference(takenBy(pid), before[at]));
    return rowsOf({ size, leader, bytes, taken, rss: pids.map(rssMb) });
  } finally {
    await mesh.close();
  }
}

function difference(now: Taken, before: Taken | undefined): Taken {
  return {
    cpuMs: perSecond(now.cpuMs - (before?.cpuMs ?? 0)),
    wakeUps: perSecond(now.wakeUps - (before?.wakeUps ?? 0)),
    diskBytes: perSecond(now.diskBytes - (before?.diskBytes ?? 0)),
  };
}

interface Measured {
  readonly size: number;
  readonly leader: number;
  readonly bytes: number;
  readonly taken: readonly Taken[];
  readonly rss: readonly number[];
}

function rowsOf({ size, leader, bytes, taken, rss }: Measured): Figure[] {
  const of = `${size} ${size === 1 ? 'host' : 'hosts'}`;
  const others = taken.filter((_, at) => at !== leader);
  const rows = [
    figureOf(`${of}: processor, the leader`, [(taken[leader]?.cpuMs ?? 0) / 10], { unit: '%' }),
    figureOf(
      `${of}: wake-ups a second, each`,
      taken.map((it) => it.wakeUps),
      { unit: '/s' },
    ),
    figureOf(
      `${of}: written to the disk, each`,
      taken.map((it) => it.diskBytes),
      { unit: 'B/s' },
    ),
    figureOf(`${of}: on the network, each`, [bytes / size], { unit: 'B/s', note: 'sent' }),
    figureOf(`${of}: memory (RSS), each`, rss, { unit: 'MB' }),
  ];
  if (others.length === 0) return rows;
  const each = others.map(({ cpuMs }) => cpuMs / 10);
  return [figureOf(`${of}: processor, the others`, each, { unit: '%' }), ...rows];
}

const figures: Figure[] = [];
for (const size of SIZES) figures.push(...(await measure(size)));
print({ bench: 'idle', figures });
