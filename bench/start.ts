// How long it takes from nothing to a node: cold start, memory at rest, joining. Real daemons on
// loopback. Run: npm run build && node bench/start.ts [--json]
import { TestMesh, until } from '../test/mesh/harness.ts';
import { figureOf, print } from './lib/figure.ts';
import { emptyStartMs, rest, rssMb } from './lib/process.ts';

const RUNS = 7;
/** Until the start's own work is over: detection of the host, the first beats. */
const IDLE_MS = 10_000;

const QUIET = ['--log-level', 'info'];
const mesh = new TestMesh();

type Host = ReturnType<TestMesh['host']>;

/** The daemon prints its status when it is ready, not before. */
async function readyMs(host: Host, ...args: readonly string[]): Promise<number> {
  const before = host.stdout.length;
  const begin = performance.now();
  host.spawn(...QUIET, ...args);
  while (host.stdout.length === before) {
    if (performance.now() - begin > 30_000) throw new Error(`not ready: ${host.stderr}`);
    await rest(1);
  }
  return performance.now() - begin;
}

/** Joined, the leader known, the own start registered, a write of its own in the log. */
async function usableMs(host: Host, begin: number): Promise<number> {
  await until('the newcomer can read and write', async () => {
    const { role, slurp, peers } = await host.client.call('getStatus');
    return role === 'replica' && slurp.leader !== null && peers.connected > 0;
  });
  await host.client.call('enrolAgents', {
    body: { model: 'bench' },
    query: { wait: 'committed' },
  });
  const { agents } = await host.client.call('listAgents');
  if (agents.length === 0) throw new Error('the newcomer does not see its own agent');
  return performance.now() - begin;
}

async function benchStarts(): Promise<Record<'empty' | 'first' | 'again' | 'rss', number[]>> {
  const found = { empty: [], first: [], again: [], rss: [] } as Record<string, number[]>;
  for (let run = 0; run < RUNS; run += 1) {
    const host = mesh.host(`start-${run}`);
    found['empty']?.push(await emptyStartMs());
    found['first']?.push(await readyMs(host));
    await host.end();
    found['again']?.push(await readyMs(host));
    if (run < 3) {
      await rest(IDLE_MS);
      found['rss']?.push(rssMb(host.pid ?? 0));
    }
    await host.end();
  }
  return found as Awaited<ReturnType<typeof benchStarts>>;
}

async function benchJoins(): Promise<Record<'join' | 'write' | 'cold', number[]>> {
  const found: Record<'join' | 'write' | 'cold', number[]> = { join: [], write: [], cold: [] };
  const first = mesh.host('first');
  await first.up(...QUIET);
  for (let run = 0; run < RUNS; run += 1) {
    const running = mesh.host(`running-${run}`);
    await running.up(...QUIET);
    await rest(500);
    const invite = await first.invite();
    const begin = performance.now();
    await running.client.call('joinMesh', { body: { invite } });
    found.join.push(performance.now() - begin);
    found.write.push(await usableMs(running, begin));
    await running.end();
    const cold = mesh.host(`cold-${run}`);
    const coldInvite = await first.invite();
    found.cold.push(await readyMs(cold, '--join', coldInvite));
    await cold.end();
  }
  return found;
}

try {
  const starts = await benchStarts();
  const joins = await benchJoins();
  const ms = { unit: 'ms' };
  print({
    bench: 'start',
    figures: [
      figureOf('empty Node process', starts.empty, { ...ms, note: 'the floor' }),
      figureOf('cold start to ready, empty home', starts.first, {
        ...ms,
        wanted: { atMost: 1000 },
        note: 'with genesis',
      }),
      figureOf('cold start to ready, home of a member', starts.again, {
        ...ms,
        wanted: { atMost: 1000 },
      }),
      figureOf('memory at rest (RSS)', starts.rss, {
        unit: 'MB',
        wanted: { atMost: 140 },
        note: `${IDLE_MS / 1000} s after the start`,
      }),
      figureOf('join, answered', joins.join, ms),
      figureOf('join to usable', joins.write, {
        ...ms,
        wanted: { atMost: 1000 },
        note: 'until an agent of the newcomer is granted and listed',
      }),
      figureOf('cold start with an invite to ready', joins.cold, ms),
    ],
  });
} finally {
  await mesh.close();
}
