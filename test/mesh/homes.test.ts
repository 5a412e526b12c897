import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { Stopwatch } from './stopwatch.ts';

// What a home is to a daemon: held by one process, bound to one machine, closed to others, and all
// that a node needs to come back. Also what an operator does to homes: kills, copies, moves,
// restores.

let mesh: TestMesh;

beforeAll(() => {
  mesh = new TestMesh();
});

afterAll(async () => {
  await mesh.close();
});

async function conditions(host: TestHost): Promise<string[]> {
  const { health } = await host.client.call('getStatus', {});
  return health.conditions.map(({ code }) => code);
}

/** Starts a daemon that is expected to refuse: its exit code and what it said. */
async function refused(
  host: TestHost,
  ...args: readonly string[]
): Promise<{ code: number | null; stderr: string }> {
  host.stderr = '';
  host.spawn(...args);
  const code = await host.exited;
  return { code, stderr: host.stderr };
}

async function connectedTo(host: TestHost, peers: number): Promise<void> {
  await until(`${host.name} is connected to ${peers}`, async () => {
    return (await host.client.call('getStatus', {})).peers.connected === peers;
  });
}

const sockets = (host: TestHost): string[] =>
  readdirSync(host.home).filter((name) => name.endsWith('.sock'));

describe('one home, one daemon', () => {
  it('a second daemon fails at once, naming the process that holds the home', async () => {
    const host = mesh.host('held');
    await host.up();
    const second = mesh.host('second');
    Object.assign(second, { home: host.home });
    const watch = new Stopwatch();
    const { code, stderr } = await refused(second);
    await watch.expectWithin(2_000, 'the refusal');
    expect({ code, stderr }).toEqual({
      code: 4,
      stderr: expect.stringContaining(`process ${host.pid} holds the home ${host.home}`),
    });
    expect((await host.cli('status')).code).toBe(0);
    await host.end();
  });

  it('after kill -9 the sockets that were left are replaced', async () => {
    const host = mesh.host('killed');
    await host.up();
    const before = await host.peer();
    await host.end('SIGKILL');
    expect(sockets(host)).toEqual(['agent.sock', 'cooee.sock']);
    const { code, stderr } = await host.cli('status');
    expect({ code, stderr }).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('no daemon'),
    });
    await host.up();
    expect(await host.peer()).toBe(before);
    await host.end();
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it within 2 s, sockets removed',
    async (signal) => {
      const host = mesh.host(`stopped-by-${signal.toLowerCase()}`);
      await host.up();
      const watch = new Stopwatch();
      expect(await host.end(signal)).toBe(0);
      await watch.expectWithin(2_000, `the end by ${signal}`);
      expect(sockets(host)).toEqual([]);
      expect(existsSync(join(host.home, 'pid'))).toBe(false);
    },
  );

  it('ends within 2 s also while it starts', async () => {
    const host = mesh.host('early');
    host.spawn();
    await until('its home is there', () => existsSync(join(host.home, 'FORMAT')));
    const watch = new Stopwatch();
    expect(await host.end('SIGTERM')).toBe(0);
    await watch.expectWithin(2_000, 'the end of a start');
    expect(sockets(host)).toEqual([]);
  });
});

describe('a home that others could read, or that is not ours', () => {
  it('is tightened from 0755 to 0700, with a line in the log', async () => {
    const host = mesh.host('open');
    mkdirSync(host.home);
    chmodSync(host.home, 0o755);
    await host.up();
    expect(statSync(host.home).mode & 0o777).toBe(0o700);
    expect(host.stderr).toMatch(/"was":"755","now":"700","msg":"the home was open to others/u);
    expect(statSync(join(host.home, 'cooee.sock')).mode & 0o777).toBe(0o600);
    await host.end();
  });

  it('has no file that others may read, whatever the umask', async () => {
    const host = mesh.host('masked');
    const before = process.umask(0);
    host.spawn();
    process.umask(before);
    await host.ready();
    const open = readdirSync(host.home, { recursive: true, encoding: 'utf8' }).filter(
      (path) => (statSync(join(host.home, path)).mode & 0o077) !== 0,
    );
    expect(open).toEqual([]);
    await host.end();
  });

  it('is refused behind a symbolic link: exit 4', async () => {
    const target = join(mesh.folder, 'target');
    mkdirSync(target, { mode: 0o700 });
    const host = mesh.host('link');
    symlinkSync(target, host.home);
    const { code, stderr } = await refused(host);
    expect({ code, stderr }).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/symbolic link\ncooee: hint: give the real folder/u),
    });
    expect(readdirSync(target)).toEqual([]);
  });

  it('is refused when its owner is another: exit 4', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can give a folder to another user');
    const host = mesh.host('foreign');
    mkdirSync(host.home, { mode: 0o700 });
    chownSync(host.home, 1234, 1234);
    const { code, stderr } = await refused(host);
    expect({ code, stderr }).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/belongs to user 1234, not to user 0\ncooee: hint: run as/u),
    });
    expect(readdirSync(host.home)).toEqual([]);
  });

  it('is refused on another machine, until it is adopted', async () => {
    const host = mesh.host('moved');
    host.env = { COOEE_MACHINE_ID: 'the-old-one' };
    await host.up();
    const before = await host.client.call('getStatus', {});
    await host.end();
    host.env = { COOEE_MACHINE_ID: 'the-new-one' };
    const { code, stderr } = await refused(host);
    expect({ code, stderr }).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/was made on another machine\n.*--home \S+ up --adopt/u),
    });
    await host.up('--adopt');
    const { node, mesh: its } = await host.client.call('getStatus', {});
    expect([node.peer, its.id]).toEqual([before.node.peer, before.mesh.id]);
    await host.end();
    await host.up();
    await host.end();
  });
});

describe('a home that was not left in order', () => {
  it('has its settings out of a restore that was cut off', async () => {
    const host = mesh.host('restored');
    mkdirSync(join(host.home, 'restored-files'), { recursive: true, mode: 0o700 });
    writeFileSync(join(host.home, 'restored-files', 'FORMAT'), 'cooee home 1\n');
    writeFileSync(join(host.home, 'restored-files', 'config.json'), '{"nope": true}');
    const { code, stderr } = await refused(host);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('"nope"') });
  });

  it('that lost its key begins no life as another node', async () => {
    const host = mesh.host('keyless');
    await host.up();
    const before = await host.peer();
    await host.end();
    renameSync(join(host.home, 'node.key'), join(mesh.folder, 'kept.key'));
    const { code, stderr } = await refused(host);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('node.key is gone'),
    });
    expect(existsSync(join(host.home, 'node.key'))).toBe(false);
    renameSync(join(mesh.folder, 'kept.key'), join(host.home, 'node.key'));
    await host.up();
    expect(await host.peer()).toBe(before);
    await host.end();
  });

  it('keeps no invite of an installer that was killed', async () => {
    const host = mesh.host('installed');
    mkdirSync(host.home, { mode: 0o700 });
    writeFileSync(join(host.home, 'service-invite'), 'cooee1secret\n', { mode: 0o600 });
    await host.up();
    await until('it is gone', () => !existsSync(join(host.home, 'service-invite')));
    await host.end();
  });

  it('hands no invite on to the programs that it starts', async () => {
    const host = mesh.host('env');
    await host.up();
    const invite = await host.invite();
    await host.end();
    const folder = join(mesh.folder, 'bin');
    const seen = join(folder, 'seen');
    mkdirSync(folder);
    writeFileSync(join(folder, 'chgrp'), `#!/bin/sh\necho "\${COOEE_INVITE-none}" > '${seen}'\n`, {
      mode: 0o700,
    });
    host.env = { COOEE_INVITE: invite, PATH: `${folder}:${process.env['PATH']}` };
    await host.up('--agent-group', 'any');
    expect(readFileSync(seen, 'utf8')).toBe('none\n');
    await host.end();
  });
});

describe('a mesh whose nodes are restarted', () => {
  let hosts: [TestHost, TestHost, TestHost];
  let before: { peer: string; addresses: readonly string[] }[];
  let tokens: string[];

  async function tokensOn(host: TestHost): Promise<string[]> {
    const { agents } = await host.client.call('listAgents', {});
    return agents.map(({ token, model }) => `${token} ${model}`);
  }

  beforeAll(async () => {
    hosts = (await mesh.start('ada', 'bob', 'cyd')) as typeof hosts;
    for (const host of hosts) await host.json('enrol', '--model', `m-${host.name}`, '--wait');
    before = await Promise.all(
      hosts.map(async (host) => (await host.client.call('getStatus', {})).node),
    );
    tokens = await tokensOn(hosts[0]);
    expect(tokens).toHaveLength(3);
  });

  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.end()));
  });

  it('each comes back without an invite, on the port that it had', async () => {
    for (const [at, host] of hosts.entries()) {
      await host.end(at === 1 ? 'SIGKILL' : 'SIGTERM');
      const mac = `AA:BB:CC:DD:EE:${(host.port % 200).toString(16).padStart(2, '0')}`;
      host.run('up', '--home', host.home, '--no-mdns', '--hostname', host.name, '--mac', mac);
      await host.ready();
      const { node } = await host.client.call('getStatus', {});
      expect([node.peer, node.addresses]).toEqual([before[at]?.peer, before[at]?.addresses]);
      for (const other of hosts) await connectedTo(other, 2);
    }
  });

  it('all at once: members, tokens and connections are there again', async () => {
    await Promise.all(hosts.map((host) => host.end()));
    // The leader last: the others wait for it.
    for (const host of [...hosts].reverse()) host.spawn();
    for (const host of hosts) await host.ready();
    for (const host of hosts) {
      await connectedTo(host, 2);
      await until(`${host.name} is well`, async () => (await conditions(host)).length === 0);
      const { members } = await host.client.call('listMembers', {});
      expect(members.map(({ name }) => name)).toEqual(['ada', 'bob', 'cyd']);
      expect(await tokensOn(host)).toEqual(tokens);
    }
    const [ada, , cyd] = hosts;
    const again = await cyd.json('enrol', '--model', 'm-cyd', '--wait');
    expect(tokens).toContain(`${again['token']} m-cyd`);
    expect(await ada.invite()).toMatch(/^cooee1/u);
  });

  describe('of which one is copied', () => {
    let copy: TestHost;

    afterAll(async () => {
      await copy.end('SIGKILL');
    });

    it('both copies say that they are clones, by name, and acknowledge nothing', async () => {
      const [ada, bob] = hosts;
      const peer = before[1]?.peer ?? '';
      await bob.end();
      copy = mesh.host('bob-copy');
      cpSync(bob.home, copy.home, { recursive: true });
      bob.spawn();
      copy.spawn('--hostname', 'bob', '--mac', 'AA:BB:CC:DD:EE:FF');
      for (const one of [bob, copy]) {
        await until(`${one.home} calls itself a clone`, async () =>
          (await conditions(one)).includes('clone'),
        );
        const people = await one.cli('status');
        expect(people.stdout).toContain(`Two daemons run as ${peer}`);
        const write = await one.cli('members', 'role', peer, 'member', '--json');
        expect(write.code).toBe(4);
        expect(JSON.parse(write.stderr)).toMatchObject({
          error: { code: 'ERR_MEMBERSHIP_CLONE', retryable: false },
        });
      }
      await until('ada names it', async () => {
        return (await conditions(ada)).some((code) => code === `clone-of-${peer}`);
      });
    });

    it('one stopped and the other restarted, all is well again', async () => {
      const [ada, bob] = hosts;
      await copy.end();
      await bob.end();
      await bob.up();
      await connectedTo(bob, 2);
      await until('bob is well', async () => (await conditions(bob)).length === 0);
      await until('ada is well', async () => (await conditions(ada)).length === 0);
      const enrolled = await bob.json('enrol', '--model', 'after', '--wait');
      expect(enrolled['state']).toBe('committed');
    });
  });
});

// With one voter a leader's copy that starts first begins a log of its own, which nothing can
// prevent: whoever pulled from it stays with that one. So the original comes first here, as it does
// when a copy is started by mistake.
describe('the home of the leader copied to run twice', () => {
  it('both stop acknowledging and say so; the original alone leads again', async () => {
    const [lea, mia] = (await mesh.start('lea', 'mia')) as [TestHost, TestHost];
    await lea.end();
    const copy = mesh.host('lea-copy');
    cpSync(lea.home, copy.home, { recursive: true });
    await lea.up();
    await connectedTo(mia, 1);
    const enrolled = await mia.json('enrol', '--model', 'before', '--wait');
    expect(enrolled['state']).toBe('committed');

    copy.spawn('--hostname', 'lea', '--mac', 'AA:BB:CC:DD:EE:FE');
    for (const one of [lea, copy]) {
      await until(`${one.home} calls itself a clone`, async () =>
        (await conditions(one)).includes('clone'),
      );
      const { code, stderr } = await one.cli('invite', '--json');
      expect({ code, code2: JSON.parse(stderr).error.code }).toEqual({
        code: 4,
        code2: 'ERR_MEMBERSHIP_CLONE',
      });
    }

    await copy.end();
    await lea.end();
    await lea.up();
    await connectedTo(mia, 1);
    const after = await mia.json('enrol', '--model', 'after', '--wait');
    expect(after['state']).toBe('committed');
    await until('lea is well', async () => (await conditions(lea)).length === 0);
    // Both signed heads while they ran; whoever saw two that differ keeps the proof.
    const isProof = (code: string): boolean => code === 'forked-log';
    await until('mia is well', async () => (await conditions(mia)).every(isProof));
  });
});
