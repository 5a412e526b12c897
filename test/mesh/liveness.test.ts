import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MemberView } from '../../daemon/api/routes/index.ts';
import { freePort, type TestHost, TestMesh, until } from './harness.ts';
import { Stopwatch } from './stopwatch.ts';

// Goal: who is gone is shown as gone everywhere within five seconds, with its agents; who only
// paused, moved or said goodbye is shown as what it is; a clock that is off is told of.

const GONE_WITHIN_MS = 5_000;
const NAMES = ['n1', 'n2', 'n3', 'n4'] as const;

type State = MemberView['state'];

function tell(what: string, startMs: number): void {
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.info(`${what} to unreachable everywhere, with its agents: ${seconds} s`);
}

describe('four nodes', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];
  const own = new Map<TestHost, string>();
  const at = (position: number): TestHost => hosts[position] as TestHost;
  const others = (host: TestHost): TestHost[] => hosts.filter((it) => it !== host);

  const stateAt = async (seer: TestHost, seen: TestHost): Promise<State | undefined> => {
    const { members } = await seer.client.call('listMembers', {});
    return members.find(({ name }) => name === seen.name)?.state;
  };

  const statusAt = async (seer: TestHost, host: TestHost): Promise<string> => {
    const ref = own.get(host) ?? '';
    const found = await seer.client.call('getAgent', { params: { ref } });
    if ('agents' in found) throw new Error('one agent was asked for');
    return found.status;
  };

  const allSee = async (host: TestHost, state: State): Promise<void> => {
    await Promise.all(
      others(host).map((seer) =>
        until(`${seer.name} has ${host.name} ${state}`, async () => {
          return (await stateAt(seer, host)) === state;
        }),
      ),
    );
  };

  const agentsAre = async (host: TestHost, status: string): Promise<void> => {
    for (const seer of others(host)) {
      await until(`the agent of ${host.name} ${status} on ${seer.name}`, async () => {
        return (await statusAt(seer, host)) === status;
      });
    }
  };

  const unreachables = async (seer: TestHost): Promise<number> =>
    await seer.counter('cooee_liveness_changes_total', 'unreachable');

  beforeAll(async () => {
    hosts = NAMES.map((name) => mesh.host(name));
    const [first, ...rest] = hosts as [TestHost, ...TestHost[]];
    await first.up();
    const invite = await first.invite('--uses', '9');
    await Promise.all(rest.map((host) => host.up('--join', invite)));
    for (const host of hosts) {
      const { token } = await host.client.call('enrolAgents', {
        query: { wait: 'committed', timeoutMs: 60_000 },
        body: { model: `model-of-${host.name}` },
      });
      own.set(host, token ?? '');
    }
    for (const host of hosts) {
      await allSee(host, 'alive');
      await agentsAre(host, 'idle');
    }
  });
  afterAll(() => mesh.close());

  it('have a killed one and its agents unreachable everywhere within five seconds', async () => {
    const host = at(3);
    const watch = new Stopwatch();
    const startMs = performance.now();
    await host.end('SIGKILL');
    await allSee(host, 'unreachable');
    await agentsAre(host, 'unreachable');
    tell('killed', startMs);
    await watch.expectWithin(GONE_WITHIN_MS, 'a killed node and its agents');
    await host.up();
    await allSee(host, 'alive');
    await agentsAre(host, 'idle');
  });

  it('have a frozen one suspect, then unreachable within five seconds, and back', async () => {
    const host = at(2);
    const seer = at(0);
    const watch = new Stopwatch();
    const startMs = performance.now();
    host.signal('SIGSTOP');
    try {
      await until('suspect first', async () => (await stateAt(seer, host)) === 'suspect');
      expect(await statusAt(seer, host)).toBe('idle');
      await allSee(host, 'unreachable');
      await agentsAre(host, 'unreachable');
      tell('frozen', startMs);
      await watch.expectWithin(GONE_WITHIN_MS, 'a frozen node and its agents');
    } finally {
      host.signal('SIGCONT');
    }
    await allSee(host, 'alive');
    await agentsAre(host, 'idle');
  });

  it('let one that only paused refute: it never was unreachable', async () => {
    const host = at(1);
    const seer = at(0);
    const before = await unreachables(seer);
    host.signal('SIGSTOP');
    await until('suspect', async () => (await stateAt(seer, host)) === 'suspect').finally(() =>
      host.signal('SIGCONT'),
    );
    await allSee(host, 'alive');
    expect(await unreachables(seer)).toBe(before);
    // What was frozen does not take the others for gone.
    for (const other of others(host)) {
      await until('it sees all', async () => (await stateAt(host, other)) === 'alive');
    }
  });

  it('have one that said goodbye left, with its agents, also for who was away then', async () => {
    const [quitter, late] = [at(3), at(2)];
    await late.end();
    const watch = new Stopwatch();
    expect((await quitter.cli('down')).code).toBe(0);
    await quitter.exited;
    for (const seer of [at(0), at(1)]) {
      await until('it left', async () => (await stateAt(seer, quitter)) === 'left');
      expect(await statusAt(seer, quitter)).toBe('unreachable');
    }
    await watch.expectWithin(GONE_WITHIN_MS, 'a goodbye');
    await late.up();
    await until('told by others', async () => (await stateAt(late, quitter)) === 'left');
    await quitter.up();
    await allSee(quitter, 'alive');
    await allSee(late, 'alive');
  });

  it('find one that moved to another port, also those that were away when it did', async () => {
    const [mover, away] = [at(3), at(2)];
    await away.end('SIGKILL');
    await mover.end();
    const port = freePort();
    await mover.up('--listen', `/ip4/127.0.0.1/tcp/${port}`);
    await away.up();
    await allSee(mover, 'alive');
    for (const seer of others(mover)) {
      await until('the new address is known', async () => {
        const { members } = await seer.client.call('listMembers', {});
        const row = members.find(({ name }) => name === mover.name);
        return row?.addresses.some((it) => it.endsWith(`/${port}`));
      });
    }
  });

  it('are told of a clock that is off; by five minutes it says no more by gossip', async () => {
    const host = at(2);
    const conditionOf = async (of: TestHost) =>
      (await of.client.call('getStatus', {})).health.conditions.find(
        ({ code }) => code === 'clock-skew',
      );
    // While it has read one other clock alone, it takes itself for half as far off as it is.
    const toldAs = async (of: TestHost, severity: string, text: RegExp) => {
      return await until(`${severity} of its clock`, async () => {
        const told = await conditionOf(of);
        return told?.severity === severity && text.test(told.text) ? told : undefined;
      });
    };
    const shiftTo = async (ms: number): Promise<void> => {
      const file = join(mesh.folder, `shift-${ms}.mjs`);
      writeFileSync(file, `const now = Date.now; Date.now = () => now() + ${ms};\n`);
      await host.end();
      host.env = ms === 0 ? {} : { NODE_OPTIONS: `--import=${file}` };
      await host.up();
    };
    await shiftTo(10_000);
    await toldAs(host, 'warn', / 10\.\d s ahead/);
    await shiftTo(-6 * 60_000);
    const muted = await toldAs(host, 'error', / 36\d s behind/);
    expect(muted.text).toContain('sends no beats');
    await until('nothing of it is sent', async () => {
      return (await host.counter('cooee_wire_gossip_dropped_total', 'reason="muted"')) > 0;
    });
    expect(await conditionOf(at(0))).toBeUndefined();
    // Alive it is: only what carries its clock is held back.
    expect(await stateAt(at(0), host)).toBe('alive');
    await shiftTo(0);
    await allSee(host, 'alive');
    await agentsAre(host, 'idle');
    expect(await conditionOf(host)).toBeUndefined();
  });
});
