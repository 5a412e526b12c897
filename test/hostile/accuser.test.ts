import { afterAll, expect, it } from 'vitest';
import { systemClock } from '../../daemon/system/clock.ts';
import { CooeeError, type ErrorDetails, silentLogger } from '../../protocols/interface/index.ts';
import { JOIN_PROTOCOL, startDetails } from '../../protocols/membership/index.ts';
import { serveRequests } from '../../protocols/wire/index.ts';
import { type TestHost, TestMesh, until } from '../mesh/harness.ts';
import { Rogue } from './rogue.ts';

// Goal: a member that calls others clones stops nobody. Method: real daemons, and an admitted peer
// that answers each introduction with the accusation and the only signed start that it can make.

const ACCUSATIONS = 'cooee_membership_false_accusations_total';

const mesh = new TestMesh();
const rogues: Rogue[] = [];

afterAll(async () => {
  await Promise.all(rogues.map((rogue) => rogue.stop()));
  await mesh.close();
});

it('a member that calls others clones is counted, and the others go on', async () => {
  const [alpha, beta] = (await mesh.start('alpha', 'beta')) as [TestHost, TestHost];
  const status = await alpha.client.call('getStatus', {});
  const rogue = await Rogue.create({ mesh: status.mesh.id });
  rogues.push(rogue);
  const accused = new Set<string>();
  let details: ErrorDetails = {};
  await serveRequests(
    { registrar: rogue.node, clock: systemClock, logger: silentLogger },
    JOIN_PROTOCOL,
    {
      handler: async (peer) => {
        accused.add(peer);
        throw new CooeeError('ERR_MEMBERSHIP_CLONE', undefined, { details });
      },
    },
  );
  await rogue.becomeMember(alpha);
  await until('beta knows it as a member', async () => {
    const { members } = await beta.client.call('listMembers', {});
    return members.some(({ peer }) => peer === rogue.peer);
  });
  for (const proof of [{}, startDetails(rogue.start(Number.MAX_SAFE_INTEGER))]) {
    details = proof;
    for (const host of [alpha, beta]) {
      const before = await host.counter(ACCUSATIONS);
      // A daemon presents itself to whoever comes to be connected.
      for (const connection of rogue.node.getConnections()) await connection.close();
      await until(`${host.name} is told`, async () => {
        if (!rogue.isConnected(await host.peer())) await rogue.connect(host);
        return (await host.counter(ACCUSATIONS)) > before;
      });
    }
  }
  expect([...accused].sort()).toEqual([await alpha.peer(), await beta.peer()].sort());
  for (const host of [alpha, beta]) {
    const { health, outbox } = await host.client.call('getStatus', {});
    expect(health.conditions.map(({ code }) => code)).not.toContain('clone');
    expect(outbox.waiting).toBe(0);
    const done = await host.client.call('setMemberRole', {
      params: { peer: await beta.peer() },
      query: { wait: 'committed', timeoutMs: 30_000 },
      body: { role: host === alpha ? 'admin' : 'curator' },
    });
    expect(done.state).toBe('committed');
  }
});
