// 8 daemons enrol 254 agents each at once, sealed to the leader; until all of them list all 2,032
// as idle. Run: npm run build && node bench/enrolment.ts [--json]
import { fork } from 'node:child_process';
import { TestMesh } from '../test/mesh/harness.ts';
import { loopDelayMs } from './lib/event-loop.ts';
import { figureOf, print } from './lib/figure.ts';
import {
  AGENTS_PER_HOST,
  HOSTS,
  type Host,
  pagedAgents,
  startHosts,
  wantedAgents,
} from './lib/full-mesh.ts';
import { rest, rssMb } from './lib/process.ts';

const RUNS = 5;
const POLL_MS = 100;
const IDLE = { status: 'idle', limit: 1000 } as const;

interface Run {
  readonly grantedMs: number;
  readonly visibleMs: number;
  readonly delayMs: { readonly p99: number; readonly max: number };
  readonly idleDelayMs: number;
  readonly rssMb: number;
}

/** A process that does nothing beside the others: what the machine alone adds to a loop's delay. */
function startBystander(): { readonly stop: () => Promise<number> } {
  const child = fork(new URL('./lib/bystander.ts', import.meta.url));
  return {
    stop: async () => {
      const answer = new Promise<number>((tell) =>
        child.once('message', (it) => tell(it as number)),
      );
      child.send('stop');
      return await answer;
    },
  };
}

async function enrol(host: Host): Promise<void> {
  const { state, agents } = await host.client.call('enrolAgents', {
    body: { models: wantedAgents },
    query: { wait: 'committed', timeoutMs: 60_000 },
  });
  if (state !== 'committed' || agents.some(({ token }) => token === undefined)) {
    throw new Error(`${host.name} was not granted everything`);
  }
}

/** Waits until the host lists all as idle; asks seldom, for asking costs the daemons time too. */
async function listsAll(host: Host, wanted: number): Promise<void> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const { agents } = await host.client.call('getStatus');
    const isGranted = agents.mesh >= wanted;
    if (isGranted && (await pagedAgents(host, IDLE)).agents === wanted) return;
    if (performance.now() > endMs) throw new Error(`${host.name} lists ${agents.mesh} agents`);
    await rest(POLL_MS);
  }
}

async function benchOnce(count: number): Promise<Run> {
  const mesh = new TestMesh();
  try {
    const hosts = await startHosts(mesh, count);
    // The starts are no part of it.
    await rest(3_000);
    for (const host of hosts) await loopDelayMs(host);
    const bystander = startBystander();
    const begin = performance.now();
    const granted = Promise.all(hosts.map(enrol)).then(() => performance.now() - begin);
    const wanted = count * AGENTS_PER_HOST;
    const visible = hosts.map((host) => listsAll(host, wanted));
    await Promise.all(visible);
    const visibleMs = performance.now() - begin;
    const grantedMs = await granted;
    const delays = await Promise.all(hosts.map(loopDelayMs));
    const worst = (pick: (it: { p99: number; max: number }) => number): number =>
      Math.max(...delays.map(pick));
    return {
      grantedMs,
      visibleMs,
      delayMs: { p99: worst((it) => it.p99), max: worst((it) => it.max) },
      idleDelayMs: await bystander.stop(),
      rssMb: Math.max(...hosts.map((host) => rssMb(host.pid ?? 0))),
    };
  } finally {
    await mesh.close();
  }
}

const runs: Run[] = [];
const pairs: Run[] = [];
for (let run = 0; run < RUNS; run += 1) {
  runs.push(await benchOnce(HOSTS));
  pairs.push(await benchOnce(2));
}
const of = (pick: (run: Run) => number): number[] => runs.map(pick);
print({
  bench: 'enrolment',
  figures: [
    figureOf(
      '2,032 agents of 8 nodes granted',
      of((run) => run.grantedMs),
      {
        unit: 'ms',
        note: 'each caller has all of its tokens',
      },
    ),
    figureOf(
      '2,032 agents of 8 nodes visible on all',
      of((run) => run.visibleMs),
      {
        unit: 'ms',
        wanted: { atMost: 5000 },
        note: 'listed as idle on each node',
      },
    ),
    figureOf(
      'event-loop delay p99, worst of the 8',
      of((run) => run.delayMs.p99),
      {
        unit: 'ms',
        wanted: { atMost: 50 },
        note: 'during that time',
      },
    ),
    figureOf(
      'event-loop delay max, worst of the 8',
      of((run) => run.delayMs.max),
      { unit: 'ms' },
    ),
    figureOf(
      'event-loop delay p99 of an idle process',
      of((run) => run.idleDelayMs),
      {
        unit: 'ms',
        note: 'beside them: the machine',
      },
    ),
    figureOf(
      'event-loop delay p99, worst of 2 nodes that enrol 254 each',
      pairs.map((run) => run.delayMs.p99),
      { unit: 'ms', note: 'a core for each' },
    ),
    figureOf(
      'event-loop delay max, worst of these 2',
      pairs.map((run) => run.delayMs.max),
      { unit: 'ms' },
    ),
    figureOf(
      'memory (RSS), largest of the 8',
      of((run) => run.rssMb),
      { unit: 'MB' },
    ),
  ],
});
