import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentView, EventView } from '../../daemon/api/routes/index.ts';
import { isCooeeError } from '../../protocols/interface/index.ts';
import { type TestHost, TestMesh, until } from './harness.ts';
import { Stopwatch } from './stopwatch.ts';

// Goal: what an agent can do is known on all of five nodes within a second, to a newcomer as well,
// and who is silent is shown as such until it is back.

const WITHIN_MS = 1_000;
const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5'] as const;

type Filters =
  NonNullable<Parameters<TestHost['client']['call']>[1]> extends never
    ? never
    : Record<string, string | number>;

async function find(host: TestHost, query: Filters = {}): Promise<AgentView[]> {
  return (await host.client.call('listAgents', { query })).agents;
}

/** The tokens that a node finds, or the error when it is not there. */
async function tokens(host: TestHost, query: Filters): Promise<string[]> {
  return (await find(host, query)).map(({ token }) => token);
}

async function agentOn(host: TestHost, token: string): Promise<AgentView> {
  const found = await host.client.call('getAgent', { params: { ref: token } });
  if ('agents' in found) throw new Error('one agent was asked for');
  return found;
}

/** Collects the events of a node; the stream is open when this resolves. */
async function listen(host: TestHost, match: string) {
  const ended = new AbortController();
  const events: EventView[] = [];
  const stream = host.client.watch({ match, opens: true, signal: ended.signal });
  await stream.next();
  const reading = (async () => {
    for await (const item of stream) if (item.kind === 'event') events.push(item.event);
  })();
  const stop = async (): Promise<void> => {
    ended.abort();
    await reading;
  };
  return { events, stop };
}

describe('five nodes', () => {
  const mesh = new TestMesh();
  const config = join(mesh.folder, 'config.json');
  const own = new Map<TestHost, string>();
  let hosts: TestHost[] = [];
  const at = (position: number): TestHost => hosts[position] as TestHost;
  const tokenOf = (host: TestHost): string => own.get(host) ?? '';

  /** All of them see it within a second from now on. */
  const allSee = async (what: string, check: (host: TestHost) => Promise<boolean>) => {
    const watch = new Stopwatch();
    const all = hosts.map(async (host) => {
      await until(`${what} on ${host.name}`, () => check(host));
    });
    await Promise.all(all);
    await watch.expectWithin(WITHIN_MS, what);
  };

  beforeAll(async () => {
    // A node that is frozen is noticed by its lease; the default of 90 s is too long for a test.
    writeFileSync(config, JSON.stringify({ beatMs: 1_000, leaseMs: 3_000, ollama: false }));
    hosts = NAMES.map((name) => mesh.host(name));
    const [first, ...others] = hosts;
    await first?.up('--config', config);
    const invite = (await first?.invite('--uses', '9')) ?? '';
    await Promise.all(others.map((host) => host.up('--config', config, '--join', invite)));
    await Promise.all(
      hosts.map(async (host) => {
        const { token } = await host.client.call('enrolAgents', {
          query: { wait: 'committed', timeoutMs: 60_000 },
          body: { model: `model-of-${host.name}` },
        });
        own.set(host, token ?? '');
      }),
    );
    for (const host of hosts) {
      await until(`${host.name} has all`, async () => (await find(host)).length === 5);
    }
  });
  afterAll(() => mesh.close());

  it('know within a second what an agent can do, found by every filter', async () => {
    const host = at(2);
    const token = tokenOf(host);
    const peer = await host.peer();
    const capabilities = ['code review', 'translate_German'];
    const answer = await host.json<AgentView>(
      ...['announce', token, '--capability', 'code review', '--capability', 'translate_German'],
      ...['--status', 'busy', '--load', '250', '--max-tasks', '4'],
    );
    expect(answer).toMatchObject({ token, capabilities, status: 'busy', load: 250, maxTasks: 4 });
    await allSee('the announcement', async (it) => {
      return (await tokens(it, { capability: 'code-review' })).includes(token);
    });
    const queries: Filters[] = [
      { capability: 'code review' },
      { capability: 'Code_Review' },
      { capability: 'code*' },
      { capability: 'TRANSLATE-german' },
      { status: 'busy' },
      { model: 'Model-of-N3' },
      { model: 'model-of-n3', status: 'busy', capability: 'translate*' },
      { q: 'german n3' },
      { q: token.toLowerCase() },
      { peer },
    ];
    for (const it of hosts) {
      for (const query of queries)
        expect(await tokens(it, query), JSON.stringify(query)).toEqual([token]);
      expect(await agentOn(it, token)).toMatchObject({ load: 250, maxTasks: 4, tasks: 0, peer });
      for (const nothing of [{ capability: 'code' }, { status: 'draining' }, { q: 'german n1' }]) {
        expect(await tokens(it, nothing)).toEqual([]);
      }
    }
    const list = await at(4).json<{ agents: AgentView[] }>('agents', '--capability', 'CODE_REVIEW');
    expect(list.agents.map((agent) => agent.token)).toEqual([token]);
  });

  it('show a page at a time, each agent once', async () => {
    for (const host of hosts) {
      const seen: string[] = [];
      let cursor: string | null = null;
      let pages = 0;
      do {
        const query: Filters = { limit: 2, ...(cursor === null ? {} : { cursor }) };
        const page = await host.client.call('listAgents', { query });
        expect(page.agents.length).toBeLessThanOrEqual(2);
        seen.push(...page.agents.map(({ token }) => token));
        ({ cursor } = page);
        pages += 1;
      } while (cursor !== null);
      expect(pages).toBe(3);
      expect(seen.sort()).toEqual([...own.values()].sort());
    }
    await expect(find(at(0), { cursor: '!' })).rejects.toSatisfy((error) =>
      isCooeeError(error, 'ERR_API_QUERY'),
    );
  });

  it('follow change upon change, each within a second', async () => {
    const host = at(3);
    for (const status of ['busy', 'draining', 'idle'] as const) {
      await host.client.call('announceAgent', {
        params: { token: tokenOf(host) },
        body: { status },
      });
      await allSee(`it is ${status}`, async (it) => {
        return (await agentOn(it, tokenOf(host))).status === status;
      });
    }
  });

  it('refuse what is announced of an agent elsewhere', async () => {
    const refused = await at(1).cli('announce', tokenOf(at(2)), '--status', 'offline', '--json');
    expect(refused.code).toBe(4);
    const { error } = JSON.parse(refused.stderr);
    expect(error).toMatchObject({ code: 'ERR_CAPABILITY_NOT_OWNER' });
    expect(await agentOn(at(1), tokenOf(at(2)))).toMatchObject({ status: 'busy' });
    const unknown = await at(1).cli('announce', '4ZNR6', '--status', 'idle');
    expect(unknown.code).toBe(3);
  });

  it('tell of an announcement on the event streams of all', async () => {
    const streams = await Promise.all(hosts.map((host) => listen(host, 'agent:announce')));
    const token = tokenOf(at(0));
    await at(0).client.call('announceAgent', {
      params: { token },
      body: { capabilities: ['sing'] },
    });
    const watch = new Stopwatch();
    for (const [position, { events }] of streams.entries()) {
      const event = await until(`the event on ${at(position).name}`, () =>
        events.find(({ data }) => (data as { token?: string }).token === token),
      );
      await watch.expectWithin(WITHIN_MS, `the event on ${at(position).name}`);
      expect(event).toMatchObject({ type: 'agent:announce', data: { capabilities: ['sing'] } });
      // Once each, not once a part or a beat.
      expect(events).toHaveLength(1);
    }
    await Promise.all(streams.map(({ stop }) => stop()));
  });

  it('complete a newcomer within a second of its being up', async () => {
    const expected = (await find(at(0))).map(({ token, status, capabilities }) => {
      return { token, status, capabilities };
    });
    const newcomer = mesh.host('n6');
    await newcomer.up('--config', config, '--join', await at(0).invite());
    const watch = new Stopwatch();
    await until('the newcomer knows all', async () => {
      const agents = await find(newcomer);
      expect(agents).toMatchObject(expected);
      return true;
    });
    await watch.expectWithin(WITHIN_MS, 'completing a newcomer');
    await newcomer.end();
  });

  it('show the agents of a killed node as unreachable, until it is back by itself', async () => {
    const host = at(4);
    const token = tokenOf(host);
    const others = hosts.filter((it) => it !== host);
    await host.client.call('announceAgent', {
      params: { token },
      body: { capabilities: ['survive'], load: 7 },
    });
    await allSee('the announcement', async (it) => {
      return (await tokens(it, { capability: 'survive' })).includes(token);
    });
    const { events, stop } = await listen(at(1), 'agent:*');
    await host.end('SIGKILL');
    for (const it of others) {
      await until(`unreachable on ${it.name}`, async () => {
        return (await agentOn(it, token)).status === 'unreachable';
      });
      expect(await tokens(it, { status: 'unreachable' })).toEqual([token]);
      // It can still be found by what it could do.
      expect(await tokens(it, { capability: 'survive' })).toEqual([token]);
    }
    await host.up('--config', config);
    for (const it of hosts) {
      await until(`it is back on ${it.name}`, async () => {
        const { status, capabilities, load } = await agentOn(it, token);
        return status === 'idle' && capabilities[0] === 'survive' && load === 7;
      });
    }
    const peer = await host.peer();
    await until('both events', () => events.length >= 2);
    const told = events.filter(({ type }) => type !== 'agent:announce');
    expect(told).toMatchObject([
      { type: 'agent:unreachable', data: { peer, tokens: [token] } },
      { type: 'agent:back', data: { peer, tokens: [token] } },
    ]);
    await stop();
  });

  it('show the agents of a frozen node as unreachable, until it thaws', async () => {
    const host = at(3);
    const token = tokenOf(host);
    const others = hosts.filter((it) => it !== host);
    host.signal('SIGSTOP');
    try {
      for (const it of others) {
        await until(`unreachable on ${it.name}`, async () => {
          return (await agentOn(it, token)).status === 'unreachable';
        });
      }
    } finally {
      host.signal('SIGCONT');
    }
    for (const it of hosts) {
      await until(`back on ${it.name}`, async () => (await agentOn(it, token)).status === 'idle');
    }
    for (const it of hosts) {
      await until(`all are there for ${it.name}`, async () => {
        return (await tokens(it, { status: 'unreachable' })).length === 0;
      });
    }
  });

  it('remember what was announced over a restart of all at once', async () => {
    const before = (await find(at(0))).map(({ token, capabilities }) => ({ token, capabilities }));
    await Promise.all(hosts.map((host) => host.end()));
    const [first, ...others] = hosts;
    await first?.up('--config', config);
    // Alone, it still knows what the others could do, and that they are away.
    const alone = await find(at(0));
    expect(alone).toMatchObject(before);
    expect(alone.filter(({ status }) => status === 'unreachable')).toHaveLength(4);
    await Promise.all(others.map((host) => host.up('--config', config)));
    for (const host of hosts) {
      await until(`all are back on ${host.name}`, async () => {
        const agents = await find(host);
        expect(agents).toMatchObject(before);
        return agents.every(({ status }) => status !== 'unreachable' && status !== 'offline');
      });
    }
  });

  it('find no agent any more that was retired', async () => {
    const token = tokenOf(at(2));
    expect((await at(2).cli('retire', token)).code).toBe(0);
    await allSee('it is gone', async (it) => !(await tokens(it, {})).includes(token));
    for (const it of hosts) expect(await tokens(it, { status: 'retired' })).toEqual([token]);
    const refused = await at(2).cli('announce', token, '--status', 'idle');
    expect(refused.code).toBe(3);
  });
});
