import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { hostWith, leaderOf, startVoters, without } from './voting.ts';

// Goal: an enrolment that is sealed to a leader which dies is sealed to the next one, and granted
// once. Method: the leader is killed ten times, each time right after requests left.

const DEATHS = 10;

const mesh = new TestMesh();
let hosts: TestHost[] = [];

beforeAll(async () => {
  hosts = ['lead', 'beta', 'gamma'].map((name) => hostWith(mesh, name, {}));
  await startVoters(hosts, 3);
});
afterAll(() => mesh.close());

it('every enrolment is granted once, though the leader dies ten times meanwhile', async () => {
  const wanted: string[] = [];
  for (let death = 0; death < DEATHS; death++) {
    const leader = await leaderOf(hosts);
    const models = ['a', 'b'].map((letter) => `model-${death}-${letter}`);
    for (const [i, host] of without(hosts, leader).entries()) {
      const model = models[i] ?? '';
      const answer = await host.client.call('enrolAgents', { body: { model } });
      expect(['accepted', 'relayed', 'committed']).toContain(answer.state);
      wanted.push(`${host.name}/${model}`);
    }
    await leader.end('SIGKILL');
    await leader.up();
  }
  for (const host of hosts) {
    const agents = await until(`${host.name} lists them all`, async () => {
      const { agents } = await host.client.call('listAgents', { query: { limit: 1000 } });
      return agents.length >= wanted.length && agents;
    });
    expect(agents.map(({ hostname, model }) => `${hostname}/${model}`).sort()).toEqual(
      [...wanted].sort(),
    );
    expect(new Set(agents.map(({ token }) => token)).size).toBe(wanted.length);
  }
});
