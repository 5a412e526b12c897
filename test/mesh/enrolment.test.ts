import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isCooeeError } from '../../protocols/interface/index.ts';
import { type TestHost, TestMesh, until } from './harness.ts';

// Goal: an agent gets its token once and keeps it: over restarts of either side, over a leader that
// is away, over a publisher that is killed; and every node can name it in every way.

interface Agent {
  readonly token: string;
  readonly number: number;
  readonly hash: string;
  readonly tinyHash: string;
  readonly model: string;
  readonly hostname: string;
  readonly mac: string;
  readonly gpuId: string;
  readonly peer: string;
  readonly status: string;
}

interface Enrolled {
  readonly id: string;
  readonly state: string;
  readonly token?: string;
}

const MAC = 'AA:BB:CC:00:00:07';

async function enrol(host: TestHost, model: string, ...more: string[]): Promise<string> {
  const { state, token } = await host.json<Enrolled>('enrol', '--model', model, '--wait', ...more);
  expect(state).toBe('committed');
  expect(token).toMatch(/^[0-9A-Z]{5}$/);
  return token ?? '';
}

/** The agents of a host as it lists them itself, retired ones left out. */
async function agentsOf(host: TestHost, peer: string): Promise<Agent[]> {
  return (await host.client.call('listAgents', { query: { peer, limit: 1_000 } })).agents;
}

describe('tokens', () => {
  const mesh = new TestMesh();
  let leader: TestHost;
  let member: TestHost;

  beforeAll(async () => {
    const hosts = await mesh.start('lead', 'alpha', 'beta');
    [leader, member] = hosts as [TestHost, TestHost, TestHost];
  });
  afterAll(() => mesh.close());

  it('stay with a tuple over restarts of either side, on the leader and on a member', async () => {
    const tokens = [await enrol(leader, 'llama3'), await enrol(member, 'llama3', '--gpu', '2')];
    expect(new Set(tokens).size).toBe(2);
    await member.end();
    await member.up();
    expect(await enrol(member, ' LLaMA3 ', '--gpu', '2')).toBe(tokens[1]);
    await leader.end();
    await leader.up();
    expect(await enrol(leader, 'llama3')).toBe(tokens[0]);
    expect(await enrol(member, 'llama3', '--gpu', '2')).toBe(tokens[1]);
    expect(await agentsOf(member, await member.peer())).toHaveLength(1);
  });

  it('are granted to a whole list of one request: 16 models on 4 slots', async () => {
    const models = Array.from({ length: 64 }, (_, n) => ({
      model: `model-${n >> 2}`,
      gpuId: n & 3,
    }));
    const answer = await member.client.call('enrolAgents', {
      query: { wait: 'committed', timeoutMs: 60_000 },
      body: { models },
    });
    expect(answer.state).toBe('committed');
    expect(answer.agents.map(({ model, gpuId }) => ({ model, gpuId: Number(gpuId) }))).toEqual(
      models,
    );
    const tokens = answer.agents.map(({ token }) => token);
    expect(new Set(tokens).size).toBe(64);
    const { agents } = await member.client.call('listAgents', {
      query: { model: 'model-', limit: 100 },
    });
    expect(new Set(agents.map(({ number }) => number)).size).toBe(16);
    // One request, not one each.
    expect(await member.counter('cooee_enrolment_pending_requests')).toBe(0);
  });

  it('are resolved on every node by token, number, hashes and addresses', async () => {
    const token = await enrol(member, 'resolved', '--gpu', '5');
    const own = await member.json<Agent>('resolve', token);
    const addresses = [
      `ucxl://agentid:${token}`,
      `ucxl://agentid:${own.tinyHash}`,
      `ucxl://any:admin@COOEE:enrol/#/agentid/${own.number}/5`,
    ];
    const refs = [token.toLowerCase(), own.hash, own.tinyHash, ...addresses];
    const wanted = { token, hash: own.hash, model: 'resolved', gpuId: '5' };
    for (const host of mesh.hosts) {
      const ask = async (ref: string) => await host.client.call('getAgent', { params: { ref } });
      await until('the agent is known', () => ask(token));
      for (const ref of refs) expect(await ask(ref), ref).toMatchObject(wanted);
      expect(await ask(`number:${own.number}`)).toMatchObject({ agents: [wanted] });
    }
    // The same by hand, on a node that is neither the agent's nor the leader.
    const other = mesh.hosts[2]!;
    for (const ref of refs) expect(await other.json('resolve', ref)).toMatchObject(wanted);
    const all = await other.json<{ agents: Agent[] }>('resolve', `#${own.number}`);
    expect(all.agents.map((agent) => agent.token)).toEqual([token]);
    expect(await member.cli('resolve', '#1000')).toMatchObject({ code: 3 });
  });

  it('that are mistyped are told from those that are meant', async () => {
    const token = await enrol(leader, 'mistyped');
    const swapped = [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ']
      .map((symbol) => symbol + token.slice(1))
      .filter((text) => text !== token);
    // At least one change of the first symbol is caught by the checksum.
    const answers = await Promise.all(
      swapped.slice(0, 4).map((it) => leader.cli('id', 'decode', it)),
    );
    const refused = answers.filter(({ code }) => code !== 0);
    expect(refused.length).toBeGreaterThan(0);
    for (const { code, stderr } of refused) {
      expect(code).toBe(2);
      expect(stderr).toMatch(/did you mean/i);
      expect(stderr).toContain(token);
    }
  });

  it('of a retired agent come back when a person asks, not by a restart', async () => {
    const token = await enrol(member, 'retired');
    expect((await member.cli('retire', token)).code).toBe(0);
    await member.end();
    await member.up();
    // What the start enrols by itself is decided before this.
    const later = await enrol(member, 'later');
    const peer = await member.peer();
    const listed = await agentsOf(member, peer);
    expect(listed.map((agent) => agent.token)).toContain(later);
    expect(listed.map((agent) => agent.token)).not.toContain(token);
    expect(await leader.json('resolve', token)).toMatchObject({ status: 'retired' });
    expect(await enrol(member, 'retired')).toBe(token);
    await until('it is back', async () => {
      return (await leader.json<Agent>('resolve', token)).status === 'idle';
    });
  });

  it('are kept by a host whose name and MAC changed, which says so', async () => {
    const token = await enrol(member, 'steady');
    await member.end();
    await member.up('--hostname', 'other-name', '--mac', '02:00:00:00:00:99');
    const conditions = async (): Promise<string[]> => {
      const { health } = await member.client.call('getStatus', {});
      return health.conditions.map(({ code }) => code);
    };
    await until('it says so', async () => (await conditions()).includes('host-changed'));
    expect(await enrol(member, 'steady')).toBe(token);
    const fresh = await enrol(member, 'fresh');
    expect(await member.json('resolve', fresh)).toMatchObject({ hostname: 'alpha' });
    await member.end();
    await member.up();
    expect(await enrol(member, 'steady')).toBe(token);
    expect(await conditions()).not.toContain('host-changed');
  });
});

describe('an enrolment', () => {
  const mesh = new TestMesh();
  let leader: TestHost;
  let member: TestHost;

  beforeAll(async () => {
    [leader, member] = (await mesh.start('lead', 'alpha')) as [TestHost, TestHost];
  });
  afterAll(() => mesh.close());

  it('made while the leader is away outlives a killed publisher and is granted', async () => {
    await leader.end('SIGKILL');
    const accepted = await member.json<Enrolled>('enrol', '--model', 'patient');
    expect(accepted).toMatchObject({ state: 'accepted' });
    expect(accepted.token).toBeUndefined();
    await member.end('SIGKILL');
    await member.up();
    expect(await member.counter('cooee_enrolment_pending_requests')).toBe(1);
    await leader.up();
    const [agent] = await until('the grant', async () => {
      const agents = await agentsOf(leader, await member.peer());
      return agents.length > 0 && agents;
    });
    expect(agent).toMatchObject({ model: 'patient', hostname: 'alpha' });
    await until('nothing waits', async () => {
      return (await member.counter('cooee_enrolment_pending_requests')) === 0;
    });
  });

  it('waits with a time-out as accepted, and is the same when asked for again', async () => {
    await leader.end('SIGKILL');
    const body = { model: 'twice' };
    const query = { wait: 'committed', timeoutMs: 300 } as const;
    const first = await member.client.call('enrolAgents', { query, body });
    const again = await member.client.call('enrolAgents', { query, body });
    expect(first.state).toBe('accepted');
    expect(again).toEqual(first);
    await leader.up();
    expect(await enrol(member, 'twice')).toMatch(/^[0-9A-Z]{5}$/);
  });

  it('of a host that has a new identity is refused until an admin rebinds it', async () => {
    const old = mesh.host('gamma-old');
    await old.up('--join', await leader.invite(), '--hostname', 'gamma', '--mac', MAC);
    const token = await enrol(old, 'bound');
    await old.end();
    const fresh = mesh.host('gamma-new');
    await fresh.up('--join', await leader.invite(), '--hostname', 'gamma', '--mac', MAC);
    for (const model of ['bound', 'another']) {
      const refused = await fresh.cli('enrol', '--model', model, '--wait', '--json');
      expect(refused).toMatchObject({ code: 4 });
      const { error } = JSON.parse(refused.stderr);
      expect(error).toMatchObject({ code: 'ERR_ENROLMENT_HOST_BOUND', retryable: false });
      expect(error.remedy).toContain('agents rebind TOKEN PEER');
    }
    const peer = await fresh.peer();
    // A plain member may not.
    expect(await fresh.cli('agents', 'rebind', token, peer)).toMatchObject({ code: 4 });
    expect(await leader.cli('agents', 'rebind', token, peer)).toMatchObject({ code: 0 });
    expect(await enrol(fresh, 'bound')).toBe(token);
    expect(await enrol(fresh, 'another')).not.toBe(token);
    await until('it is there as an agent of the new node', async () => {
      const agent = await leader.json<Agent>('resolve', token);
      return agent.peer === peer && agent.status === 'idle';
    });
    // The old node comes back and does not get it by that.
    await old.up('--hostname', 'gamma', '--mac', MAC);
    const late = await old.cli('enrol', '--model', 'bound', '--wait');
    expect(late.code).toBe(4);
    expect(await leader.json('resolve', token)).toMatchObject({ peer });
  });

  it('without a daemon says how to start one', async () => {
    const nobody = mesh.host('nobody');
    const { code, stderr } = await nobody.cli('enrol', '--model', 'x');
    expect(code).toBe(5);
    expect(stderr).toContain('up');
  });

  it('that could never be granted is refused at once and leaves nothing', async () => {
    await expect(member.client.call('enrolAgents', { body: { model: 'a|b' } })).rejects.toSatisfy(
      (error) => isCooeeError(error, 'ERR_AGENT_ID_TUPLE'),
    );
    const models = Array.from({ length: 255 }, (_, n) => ({ model: `m${n}` }));
    await expect(member.client.call('enrolAgents', { body: { models } })).rejects.toSatisfy(
      (error) => isCooeeError(error, 'ERR_ENROLMENT_TOO_LARGE'),
    );
    expect(await member.counter('cooee_enrolment_pending_requests')).toBe(0);
  });
});

describe('models that Ollama lists', () => {
  const mesh = new TestMesh();
  let ollama: Server;
  let names = ['llama3:8b', 'Qwen2.5:7B'];

  beforeAll(async () => {
    ollama = createServer((request, response) => {
      const found = request.url === '/api/tags';
      response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ models: names.map((name) => ({ name, size: 1 })) }));
    });
    await new Promise<void>((done) => ollama.listen(0, '127.0.0.1', done));
  });
  afterAll(async () => {
    await mesh.close();
    ollama.close();
  });

  it('are enrolled by themselves at a start, once, and new ones at the next', async () => {
    const config = join(mesh.folder, 'config.json');
    const { port } = ollama.address() as AddressInfo;
    writeFileSync(config, JSON.stringify({ ollama: `http://127.0.0.1:${port}` }));
    const host = mesh.host('solo');
    await host.up('--config', config);
    const models = async (): Promise<Agent[]> => await agentsOf(host, await host.peer());
    const first = await until('both are granted', async () => {
      const agents = await models();
      return agents.length === 2 && agents;
    });
    expect(first.map(({ model }) => model).sort()).toEqual(['llama3:8b', 'qwen2.5:7b']);
    const [kept, retired] = first as [Agent, Agent];
    expect((await host.cli('retire', retired.token)).code).toBe(0);
    await host.end();
    names = [...names, 'phi3'];
    await host.up('--config', config);
    const second = await until('the new one is granted', async () => {
      const agents = await models();
      return agents.some(({ model }) => model === 'phi3') && agents;
    });
    expect(second.map(({ token }) => token)).toContain(kept.token);
    expect(second.map(({ token }) => token)).not.toContain(retired.token);
    expect(second).toHaveLength(2);
  });
});
