import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, type TestHost, TestMesh, until } from './harness.ts';
import { Stopwatch } from './stopwatch.ts';

// The first quarter of an hour of a new user, through the real command line only: three homes on
// one machine, one mesh, two models on each, and whoever needs a capability finds it from wherever
// it is asked. Each test goes on from the one before it.

interface Agent {
  readonly token: string;
  readonly number: number;
  readonly gpuSlot: number;
  readonly hash: string;
  readonly tinyHash: string;
  readonly address: string;
  readonly model: string;
  readonly hostname: string;
  readonly mac: string;
  readonly gpuId: string;
  readonly peer: string;
  readonly capabilities: readonly string[];
  readonly status: string;
  readonly lastSeen: string | null;
}

interface Status {
  readonly node: { readonly peer: string; readonly name: string; readonly addresses: string[] };
  readonly mesh: { readonly id: string; readonly name: string; readonly level: number };
  readonly role: string;
  readonly memberRole: string | null;
  readonly slurp: { readonly leader: string | null; readonly isLeader: boolean };
  readonly peers: { readonly connected: number; readonly members: number };
  readonly health: { readonly ok: boolean; readonly conditions: { readonly code: string }[] };
}

interface Member {
  readonly peer: string;
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly addresses: readonly string[];
  readonly lastSeen: string | null;
}

const MACS = { alpha: 'AA:BB:CC:DD:EE:01', beta: 'AA:BB:CC:DD:EE:02', gamma: 'AA:BB:CC:DD:EE:03' };

let mesh: TestMesh;
let alpha: TestHost;
let beta: TestHost;
let gamma: TestHost;

function flagsOf(host: TestHost): string[] {
  const mac = MACS[host.name as keyof typeof MACS];
  const listen = `/ip4/127.0.0.1/tcp/${host.port}`;
  return ['--hostname', host.name, '--mac', mac, '--listen', listen, '--no-mdns'];
}

/** The cells of a table for people: columns stand at least two spaces apart. */
function rowsOf(stdout: string): string[][] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd().split(/ {2,}/u));
}

function firstWords(result: CliResult): (string | undefined)[] {
  return rowsOf(result.stdout).map(([first]) => first);
}

async function agentsOn(host: TestHost, ...filters: string[]): Promise<readonly Agent[]> {
  return (await host.json<{ agents: Agent[] }>('agents', ...filters)).agents;
}

async function membersOn(host: TestHost): Promise<readonly Member[]> {
  return (await host.json<{ members: Member[] }>('members')).members;
}

async function tokenOf(model: string): Promise<string> {
  const found = (await agentsOn(alpha)).find((agent) => agent.model === model);
  return found?.token ?? 'none';
}

beforeAll(() => {
  mesh = new TestMesh();
  [alpha, beta, gamma] = ['alpha', 'beta', 'gamma'].map((name) => mesh.host(name)) as [
    TestHost,
    TestHost,
    TestHost,
  ];
});

afterAll(async () => {
  await mesh.close();
});

describe('first light', () => {
  it('tells a new user what to type while nothing runs: exit 5', async () => {
    const { code, stdout, stderr } = await alpha.cli('status');
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    expect(stderr).toMatch(/^cooee: no daemon answers/u);
    expect(stderr).toMatch(/hint: start one with: \S.* --home \S+ up/u);
  });

  it('`up` on an empty home makes a mesh and shows it within 2 s', async () => {
    const watch = new Stopwatch();
    alpha.run('up', '--home', alpha.home, ...flagsOf(alpha));
    await until('alpha greets', () => alpha.stdout.includes('next'));
    await watch.expectWithin(2_000, 'a first `up`');
    for (const word of ['mesh', 'peer', 'leader', 'addresses', 'sockets', 'agents']) {
      expect(alpha.stdout).toMatch(new RegExp(`^${word} `, 'mu'));
    }
    expect(alpha.stdout).toContain(join(alpha.home, 'cooee.sock'));
    expect(alpha.stdout).toContain(`/ip4/127.0.0.1/tcp/${alpha.port}/p2p/`);
    expect(alpha.stdout).toMatch(/^next .*--home \S+ invite/mu);
    const status = await alpha.json<Status>('status');
    expect(status).toMatchObject({
      node: { name: 'alpha' },
      role: 'voter',
      memberRole: 'admin',
      slurp: { leader: status.node.peer, isLeader: true },
      peers: { connected: 0, members: 1 },
      health: { ok: true, conditions: [] },
    });
  });

  it('`invite` prints the invite alone; `up --join` and `join` let two hosts in', async () => {
    const printed = await alpha.cli('invite');
    expect(printed.code).toBe(0);
    expect(printed.stdout).toMatch(/^cooee1[a-z2-7]+\n$/u);
    expect(printed.stderr).toContain('cooee join INVITE');
    beta.run('up', '--home', beta.home, ...flagsOf(beta), '--join', printed.stdout.trim());
    await until('beta greets', () => beta.stdout.includes('next'));

    const told = await alpha.json<{ invite: string }>('invite');
    expect(told).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{64}$/u),
      invite: expect.stringMatching(/^cooee1/u),
      expiresAt: expect.stringMatching(/Z$/u),
      uses: 1,
    });
    mkdirSync(gamma.home, { mode: 0o700 });
    const file = join(mesh.folder, 'invite.txt');
    writeFileSync(file, `${told.invite}\n`, { mode: 0o600 });
    gamma.run('join', `@${file}`, '--home', gamma.home, ...flagsOf(gamma));
    await until('gamma greets', () => gamma.stdout.includes('next'));
    expect(gamma.stdout).toContain((await alpha.json<Status>('status')).mesh.id);
  });

  it('shows the three to each other, connected', async () => {
    for (const host of [alpha, beta, gamma]) {
      await until(`${host.name} is connected to both`, async () => {
        const { peers, health } = await host.json<Status>('status');
        return peers.connected === 2 && peers.members === 3 && health.ok;
      });
      const members = await until(`${host.name} knows all three by name`, async () => {
        const rows = await membersOn(host);
        return rows.length === 3 && rows.every(({ state }) => state === 'alive') ? rows : false;
      });
      expect(members.map(({ name, role }) => [name, role])).toEqual([
        ['alpha', 'admin'],
        ['beta', 'member'],
        ['gamma', 'member'],
      ]);
      const table = rowsOf((await host.cli('members')).stdout);
      expect(table.map((row) => row.slice(0, 1).concat(row.slice(2, 4)))).toEqual([
        ['NAME', 'ROLE', 'STATE'],
        ['alpha', 'admin', 'alive'],
        ['beta', 'member', 'alive'],
        ['gamma', 'member', 'alive'],
      ]);
    }
  });

  it('gives two models on each host their tokens, and the same on every node', async () => {
    for (const host of [alpha, beta, gamma]) {
      const models = ['--model', 'llama3-70b', '--model', `qwen-${host.name}`];
      const { code, stdout } = await host.cli('enrol', ...models, '--wait');
      expect(code).toBe(0);
      expect(rowsOf(stdout)).toEqual([
        ['TOKEN', 'MODEL', 'GPU'],
        [expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{5}$/u), 'llama3-70b', '0'],
        [expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{5}$/u), `qwen-${host.name}`, '0'],
      ]);
    }
    const ids = (agents: readonly Agent[]) => agents.map(({ token, hash }) => `${token} ${hash}`);
    const onAlpha = await agentsOn(alpha);
    expect(onAlpha).toHaveLength(6);
    expect(new Set(onAlpha.map(({ token }) => token)).size).toBe(6);
    for (const host of [beta, gamma]) {
      await until(`${host.name} has the same list`, async () => {
        const seen = ids(await agentsOn(host));
        return JSON.stringify(seen) === JSON.stringify(ids(onAlpha));
      });
    }
    const own = onAlpha.filter(({ hostname }) => hostname === 'beta');
    expect(own.map(({ mac, peer }) => ({ mac, peer }))).toEqual(
      Array.from({ length: 2 }, () => ({ mac: 'aabbccddee02', peer: own[0]?.peer })),
    );
  });

  it('gives the same agent the same token when it is enrolled again', async () => {
    const token = await tokenOf('qwen-beta');
    const again = await beta.json('enrol', '--model', 'QWEN-beta', '--wait');
    expect(again).toMatchObject({ state: 'committed', token });
    expect(await agentsOn(alpha)).toHaveLength(6);
  });

  it('finds an agent by what it announced, from another node, within a second', async () => {
    const token = await tokenOf('qwen-gamma');
    const announced = await gamma.json<Agent>(
      ...['announce', token, '--status', 'idle', '--load', '250', '--max-tasks', '4'],
      ...['--capability', 'code-review', '--capability', 'Rust'],
    );
    const watch = new Stopwatch();
    expect(announced).toMatchObject({
      token,
      status: 'idle',
      capabilities: ['code-review', expect.stringMatching(/^rust$/iu)],
    });
    for (const host of [alpha, beta]) {
      const found = await until(`${host.name} finds it`, async () => {
        const [agent] = (
          await host.client.call('listAgents', { query: { capability: 'Code Review' } })
        ).agents;
        return agent;
      });
      await watch.expectWithin(1_000, `an announcement on ${host.name}`);
      expect(found).toMatchObject({ token, hostname: 'gamma', load: 250, maxTasks: 4 });
    }
    const table = await beta.cli('agents', '--capability', 'CODE_review');
    expect(firstWords(table)).toEqual(['TOKEN', token]);
    expect(table.stdout).toMatch(/code-review, rust/iu);
    expect(await agentsOn(beta, '--capability', 'code-review')).toHaveLength(1);
    expect(await agentsOn(beta, '--capability', 'code')).toEqual([]);
  });

  it('keeps what is not announced anew, and lists by status, model and text', async () => {
    const token = await tokenOf('qwen-gamma');
    const { code, stdout } = await gamma.cli('announce', token.toLowerCase(), '--status', 'busy');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^capabilities +code-review, rust$/imu);
    await until('alpha hears that it is busy', async () => {
      return (await agentsOn(alpha, '--status', 'busy')).some((agent) => agent.token === token);
    });
    expect(await agentsOn(alpha, '--model', 'llama3')).toHaveLength(3);
    expect(await agentsOn(alpha, '--q', 'qwen-beta')).toHaveLength(1);
    const none = await alpha.cli('agents', '--capability', 'cooking');
    expect(none).toMatchObject({ code: 0, stderr: expect.stringContaining('no such agents') });
  });

  it('refuses an announcement on another node than the agent lives on: exit 4', async () => {
    const { code, stderr } = await alpha.cli('announce', await tokenOf('qwen-gamma'), '--json');
    expect(code).toBe(4);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'ERR_CAPABILITY_NOT_OWNER', remedy: expect.stringContaining('Announce on') },
    });
  });

  it('resolves token, hash, tiny hash, number and both addresses on any node', async () => {
    const token = await tokenOf('qwen-gamma');
    const agent = await alpha.json<Agent>('resolve', token);
    expect(agent).toMatchObject({ token, model: 'qwen-gamma', hostname: 'gamma', gpuId: '0' });
    const forms = [
      token.toLowerCase(),
      agent.hash,
      agent.tinyHash,
      `ucxl://agentid:${token}`,
      `ucxl://agentid:${agent.tinyHash}`,
      `ucxl://any:admin@COOEE:enrol/#/agentid/${agent.number}/${agent.gpuSlot}`,
    ];
    for (const form of forms) {
      for (const host of [alpha, beta, gamma]) {
        const one = await host.client.call('getAgent', { params: { ref: form } });
        expect({ form, host: host.name, hash: (one as Agent).hash }).toEqual({
          form,
          host: host.name,
          hash: agent.hash,
        });
      }
    }
    const listed = await beta.json<{ agents: Agent[] }>('resolve', `#${agent.number}`);
    expect(listed.agents.map((it) => it.token)).toEqual([token]);
    const table = `ucxl://any:admin@COOEE:enrol/#/agentid/${agent.number}`;
    expect(await beta.json('resolve', table)).toMatchObject({ agents: [{ token }] });
    const { stdout } = await beta.cli('resolve', token);
    expect(stdout).toMatch(new RegExp(`^token +${token}$`, 'mu'));
    expect(stdout).toMatch(/^model +qwen-gamma$/mu);
  });

  it('says what is wrong with a token: mistyped exit 2, not granted exit 3', async () => {
    const token = await tokenOf('qwen-gamma');
    const last = token.endsWith('0') ? '1' : '0';
    const mistyped = await alpha.cli('resolve', `${token.slice(0, 4)}${last}`);
    expect(mistyped.code).toBe(2);
    expect(mistyped.stderr).toContain(token);
    const { stdout: free } = await alpha.cli('id', 'encode', '--host', '900', '--gpu', '7');
    expect((await alpha.cli('resolve', free.trim())).code).toBe(3);
  });

  it('removes a member by name: it is gone everywhere and says so', async () => {
    const { code, stdout } = await alpha.cli('members', 'remove', 'gamma');
    const watch = new Stopwatch();
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^removed 12D3/u) });
    for (const host of [alpha, beta]) {
      await until(`${host.name} has two members`, async () => {
        const { members } = await host.client.call('listMembers', {});
        const { peers } = await host.client.call('getStatus', {});
        return members.length === 2 && peers.connected === 1;
      });
      await watch.expectWithin(2_000, `a removal on ${host.name}`);
    }
    await until('gamma knows, and is alone', async () => {
      const { health, memberRole, peers } = await gamma.json<Status>('status');
      const codes = health.conditions.map(({ code }) => code);
      return codes.join() === 'removed' && memberRole === null && peers.connected === 0;
    });
    const people = await gamma.cli('status');
    expect(people.code).toBe(0);
    expect(people.stdout).toMatch(/^error: removed {2}This node was removed/mu);
  });

  it('`down` stops each of them cleanly, exit 0', async () => {
    for (const host of [gamma, beta, alpha]) {
      expect(await host.cli('down')).toMatchObject({ code: 0, stdout: 'stopped\n' });
      expect(await host.exited).toBe(0);
    }
  });
});
