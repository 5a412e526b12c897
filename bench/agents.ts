// How fast a daemon answers who can do something, among 2,032 agents of 8 nodes; beside it a bare
// HTTP server that answers with the same bytes. Run: npm run build && node bench/agents.ts [--json]
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestMesh, until } from '../test/mesh/harness.ts';
import { figureOf, median, print } from './lib/figure.ts';
import { AGENTS, type Host, pagedAgents, startHosts, wantedAgents } from './lib/full-mesh.ts';
import { type LoadResult, load } from './lib/load.ts';
import { rest } from './lib/process.ts';

const RUNS = 5;
const ONE = { connections: 1, durationMs: 1_000 };
const MANY = { connections: 32, durationMs: 2_000 };
const PATH = '/v1/agents?capability=code-review&limit=50';
/** One agent in so many can do what is asked for; still more than a page. */
const CAPABLE_EACH = 20;

const mesh = new TestMesh();

/** Enrols everything, and announces capabilities of some on every host. */
async function fill(hosts: readonly Host[]): Promise<void> {
  for (const host of hosts) {
    const { agents } = await host.client.call('enrolAgents', {
      body: { models: wantedAgents },
      query: { wait: 'committed', timeoutMs: 60_000 },
    });
    for (const [at, { token }] of agents.entries()) {
      if (token === undefined || at % CAPABLE_EACH > 0) continue;
      await host.client.call('announceAgent', {
        params: { token },
        body: { capabilities: ['code-review', 'typescript'] },
      });
    }
  }
  await until(
    'the first host lists all',
    async () => {
      const [first] = hosts;
      if (first === undefined) return false;
      const { agents } = await pagedAgents(first, { status: 'idle', limit: 1000 });
      const capable = await first.client.call('listAgents', {
        query: { capability: 'code-review', limit: 1000 },
      });
      const wanted = hosts.length * Math.ceil(wantedAgents.length / CAPABLE_EACH);
      return agents === AGENTS && capable.agents.length === wanted;
    },
    60_000,
  );
}

async function startBare(answer: string): Promise<{ child: ChildProcess; socketPath: string }> {
  const socketPath = join(mesh.folder, 'bare.sock');
  const file = join(mesh.folder, 'answer.json');
  writeFileSync(file, answer);
  const child = fork(new URL('./lib/bare-server.ts', import.meta.url), [socketPath, file]);
  await once(child, 'message');
  return { child, socketPath };
}

async function listMs(host: Host): Promise<number> {
  const begin = performance.now();
  const { agents } = await pagedAgents(host, { limit: 1000 });
  if (agents !== AGENTS) throw new Error(`${agents} agents`);
  return performance.now() - begin;
}

try {
  const hosts = await startHosts(mesh);
  await fill(hosts);
  const [host, ...others] = hosts;
  if (host === undefined) throw new Error('no host');
  // The others have done their part: what is measured is one daemon.
  for (const other of others) other.signal('SIGSTOP');
  const socketPath = join(host.home, 'agent.sock');
  const page = await host.agentClient.call('listAgents', {
    query: { capability: 'code-review', limit: 50 },
  });
  const bare = await startBare(JSON.stringify(page));
  const ours = { socketPath, path: PATH };
  const peer = { socketPath: bare.socketPath, path: PATH };
  const found: Record<'one' | 'many' | 'bareOne' | 'bareMany', LoadResult[]> = {
    one: [],
    many: [],
    bareOne: [],
    bareMany: [],
  };
  const lists: number[] = [];
  await load(ours, MANY);
  await load(peer, MANY);
  for (let run = 0; run < RUNS; run += 1) {
    found.one.push(await load(ours, ONE));
    found.bareOne.push(await load(peer, ONE));
    found.many.push(await load(ours, MANY));
    found.bareMany.push(await load(peer, MANY));
    for (let at = 0; at < 5; at += 1) lists.push(await listMs(host));
    await rest(200);
  }
  bare.child.send('stop');
  const of = (name: keyof typeof found, pick: (it: LoadResult) => number): number[] =>
    found[name].map(pick);
  const rate = (name: keyof typeof found): number[] => of(name, (it) => it.perSecond);
  const part = median(rate('many')) / median(rate('bareMany'));
  print({
    bench: 'agents',
    figures: [
      figureOf(
        'agents by capability, 50 of 2,032, one caller: p50',
        of('one', (it) => it.p50Ms),
        { unit: 'ms', wanted: { atMost: 1 } },
      ),
      figureOf(
        'the same: p99',
        of('one', (it) => it.p99Ms),
        { unit: 'ms' },
      ),
      figureOf(
        'a bare HTTP server with the same bytes: p50',
        of('bareOne', (it) => it.p50Ms),
        { unit: 'ms' },
      ),
      figureOf('agents by capability, 32 connections', rate('many'), {
        unit: 'requests/s',
        wanted: { atLeast: 5000 },
        note: `${Math.round(part * 100)} % of the bare server`,
      }),
      figureOf(
        'the same: p50',
        of('many', (it) => it.p50Ms),
        { unit: 'ms' },
      ),
      figureOf('a bare HTTP server with the same bytes, 32 connections', rate('bareMany'), {
        unit: 'requests/s',
      }),
      figureOf('the whole list, 3 pages, with the typed client', lists, {
        unit: 'ms',
        wanted: { atMost: 25 },
      }),
    ],
  });
} finally {
  await mesh.close();
}
