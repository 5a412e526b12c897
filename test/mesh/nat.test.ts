import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { Lab } from './netns.ts';
import { membersOn, modelsOf } from './views.ts';

// Goal: hosts find each other where nobody can tell them how: on a network whose addresses changed,
// and from behind routers that let nobody in.
// Method: real daemons in network namespaces, with switches, and routers that translate addresses.

const WAIT = { wait: 'committed', timeoutMs: 30_000 } as const;
const problem = Lab.problem();
if (problem !== undefined) process.stderr.write(`SKIP test/mesh/nat.test.ts: ${problem}\n`);

let mesh: TestMesh;
let lab: Lab;

beforeAll(() => {
  mesh = new TestMesh();
  lab = new Lab();
});

afterAll(async () => {
  await mesh.close();
  lab.close();
});

/** Skips, saying why, where there are no namespaces. */
function needsLab({ skip }: TestContext): void {
  if (problem !== undefined) skip(`there are no networks to test in: ${problem}`);
}

/** A host of the mesh in a namespace that is there already. */
function hostIn(name: string): TestHost {
  const host = mesh.host(name);
  host.launcher = lab.launcher(name);
  return host;
}

/** Starts a daemon with mDNS and the default port. */
function spawn(host: TestHost, ...args: readonly string[]): void {
  const mac = `AA:BB:CC:DD:EE:${host.name.charCodeAt(0).toString(16)}`;
  const home = ['--home', host.home, '--hostname', host.name, '--mac', mac];
  host.run('up', ...home, '--log-level', 'debug', ...args);
}

async function statesOn(host: TestHost): Promise<Record<string, string>> {
  const { members } = await host.client.call('listMembers', {});
  return Object.fromEntries(members.map(({ name, state }) => [name, state]));
}

const allAlive = (...names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, 'alive']));

describe('on a network whose addresses changed', () => {
  it('dead invites work, and members find each other again', async (context) => {
    needsLab(context);
    lab.lan('office');
    const names = ['alma', 'bela', 'cora', 'dead'];
    for (const [at, name] of names.entries()) {
      lab.host(name, 'office', `10.77.1.${at + 1}/24`, '10.77.1.254');
    }
    const [alma, bela, cora, dead] = names.map((name) => hostIn(name)) as [
      TestHost,
      TestHost,
      TestHost,
      TestHost,
    ];
    spawn(alma);
    await alma.ready();
    const invites = [await alma.invite(), await alma.invite(), await alma.invite()];
    lab.renumber('alma', '10.77.1.51/24', '10.77.1.254');

    // Without mDNS nobody can tell it where the inviter is now.
    spawn(dead, '--no-mdns', '--join', invites[2] ?? '');
    // One begins with the invite, one has a mesh of its own already.
    spawn(bela, '--join', invites[0] ?? '');
    spawn(cora);
    await Promise.all([bela.ready(), cora.ready()]);
    await cora.json('join', invites[1] ?? '');
    for (const host of [alma, bela, cora]) {
      await until('all three are members', async () => {
        return (await membersOn(host)).join() === 'alma,bela,cora';
      });
    }

    for (const [at, name] of ['alma', 'bela', 'cora'].entries()) {
      lab.renumber(name, `10.78.2.${at + 1}/24`, '10.78.2.254');
    }
    for (const host of [alma, bela, cora]) {
      // The connections of before are dead, and not known to be: only what is new counts.
      await until('the others are there again', async () => {
        expect(await statesOn(host)).toEqual(allAlive('alma', 'bela', 'cora'));
        return lab.inside(host.name, 'ss', '-Htn', 'state', 'established').includes('10.78.2.');
      });
    }
    const { role } = await dead.client.call('getStatus', {});
    expect(role).toBe('joining');
    await Promise.all([alma, bela, cora, dead].map((host) => host.end('SIGKILL')));
  });
});

describe('behind routers that let nobody in', () => {
  it('two hosts meet at a member that relays, and strangers do not', async (context) => {
    needsLab(context);
    lab.lan('world');
    lab.host('relay', 'world', '11.22.0.2/24', '11.22.0.1');
    lab.host('nobody', 'world', '11.22.0.9/24', '11.22.0.1');
    for (const [at, name] of ['north', 'south'].entries()) {
      lab.lan(`${name}-lan`);
      const outside = { lan: 'world', address: `11.22.0.1${at}/24` };
      lab.router(`${name}-nat`, outside, { lan: `${name}-lan`, address: `192.168.${at}.1/24` });
      lab.host(name, `${name}-lan`, `192.168.${at}.2/24`, `192.168.${at}.1`);
    }
    const [relay, north, south] = [hostIn('relay'), hostIn('north'), hostIn('south')];
    const config = join(mesh.folder, 'relay.json');
    writeFileSync(config, JSON.stringify({ relay: true }));
    spawn(relay, '--no-mdns', '--config', config);
    await relay.ready();
    spawn(north, '--no-mdns', '--join', await relay.invite());
    spawn(south, '--no-mdns', '--join', await relay.invite());
    await Promise.all([north.ready(), south.ready()]);

    for (const host of [relay, north, south]) {
      await until('all are alive to all', async () => {
        expect(await statesOn(host)).toEqual(allAlive('relay', 'north', 'south'));
        return true;
      });
    }
    const relayed = await north.counter('cooee_relay_connections_total');
    expect(relayed + (await south.counter('cooee_relay_connections_total'))).toBeGreaterThan(0);

    await until('the relay has told them that it cannot dial them', async () => {
      const texts = [north, south].map((host) => host.client.call('getMetrics', {}));
      return (await Promise.all(texts)).every((it) => it.includes('cooee_network_reachable 0'));
    });

    await south.json('enrol', '--model', 'far', '--wait');
    await until('its agents are seen', async () => {
      return (await modelsOf(north, 'south')).join() === 'far';
    });
    const address = 'ucxl://any:builder@shop:relays/#/far';
    const body = { kind: 'dr' as const, address, title: 'far', decision: 'through the relay' };
    const { index = 0 } = await south.client.call('submit', { query: WAIT, body });
    expect(index).toBeGreaterThan(0);
    await until('north has what south handed in', async () => {
      const { submissions } = await north.client.call('listSubmissions', {});
      return submissions.some(({ title }) => title === 'far');
    });

    await expectStranger(await relay.peer(), await south.peer());
    await until('an upgrade was tried, and failed', async () => {
      return (await north.counter('cooee_relay_upgrades_total', 'failed')) > 0;
    });
    await expectReunion(relay, south);
  });
});

/** Somebody outside who is no member gets no place on the relay, and nobody through it. */
async function expectStranger(relay: string, target: string): Promise<void> {
  const [program = '', ...words] = lab.launcher('nobody');
  const script = resolve(import.meta.dirname, 'nat-stranger.ts');
  const address = `/ip4/11.22.0.2/tcp/26633/p2p/${relay}`;
  const args = [...words, process.execPath, script, address, target];
  const { stdout } = await promisify(execFile)(program, args, { timeout: 60_000 });
  expect(JSON.parse(stdout)).toEqual({ connected: true, reached: false, reserved: false });
}

/** A host behind a router comes back by itself: it dials out, and has its place again. */
async function expectReunion(relay: TestHost, south: TestHost): Promise<void> {
  await south.end('SIGKILL');
  spawn(south, '--no-mdns');
  await south.ready();
  await until('it is there for all again', async () => {
    expect(await statesOn(south)).toEqual(allAlive('relay', 'north', 'south'));
    expect(await statesOn(relay)).toEqual(allAlive('relay', 'north', 'south'));
    return true;
  });
}
