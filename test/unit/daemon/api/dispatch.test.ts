// Goal: the agent socket cannot do what it must not (DESIGN.md section 11). Method: every route on
// both sockets, against a list written by hand, so that a new route must say here which socket it
// belongs to.
import { describe, expect, it } from 'vitest';
import {
  type Rights,
  ROUTE_NAMES,
  ROUTES,
  type RouteName,
} from '../../../../daemon/api/routes/index.ts';
import { codeOf, PEER, request, startBench } from './fixture.ts';

const AGENT_MAY: readonly RouteName[] = [
  'announceAgent',
  'getAgent',
  'getDoctor',
  'getLeader',
  'getMetrics',
  'getOpenApi',
  'getProof',
  'getStatus',
  'getSubmission',
  'listAgents',
  'listMembers',
  'listSubmissions',
  'readLog',
  'submit',
  'watchEvents',
];

const BODIES: Partial<Record<RouteName, string>> = {
  setMesh: '{"votersTarget":3}',
  joinMesh: '{"invite":"cooee1abc"}',
  setMemberRole: '{"role":"admin"}',
  enrolAgents: '{"model":"m"}',
  announceAgent: '{"status":"idle"}',
  rebindAgent: `{"peer":"${PEER}"}`,
  submit: '{"kind":"dr","address":"ucxl://a@p:t/#/x","title":"T"}',
};

const pathOf = (name: RouteName): string =>
  ROUTES[name].path
    .replace('{index}', '7')
    .replace('{peer}', PEER)
    .replace('{ref}', '458RV')
    .replace('{token}', '458RV');

describe.each<Rights>(['operator', 'agent'])('the %s socket', (rights) => {
  const names = ROUTE_NAMES.filter((name) => name !== 'watchEvents');
  it.each(names)('%s', async (name) => {
    const { socketPath, calls } = await startBench({ rights });
    const answer = await request(
      socketPath,
      `${ROUTES[name].method} ${pathOf(name)}`,
      {},
      BODIES[name],
    );
    if (rights === 'operator' || AGENT_MAY.includes(name)) {
      expect(answer.status).toBeLessThan(300);
      return;
    }
    expect([answer.status, codeOf(answer)]).toEqual([403, 'ERR_API_FORBIDDEN']);
    expect(calls).toEqual([]);
  });

  it('watchEvents', async () => {
    const { client } = await startBench({ rights });
    const watch = client.watch({ opens: true });
    expect(await watch.next()).toEqual({ done: false, value: { kind: 'open' } });
    await watch.return();
  });
});

describe('rights', () => {
  it('are those of the list', () => {
    const agent = ROUTE_NAMES.filter((name) => ROUTES[name].rights === 'agent');
    expect(agent.sort()).toEqual([...AGENT_MAY]);
  });

  it('are checked before the body is read', async () => {
    const { socketPath } = await startBench({ rights: 'agent' });
    const answer = await request(socketPath, 'POST /v1/invites', {}, '{"broken');
    expect(codeOf(answer)).toBe('ERR_API_FORBIDDEN');
  });

  it('tell services which socket a caller is on', async () => {
    const { client, calls } = await startBench({ rights: 'agent' });
    await client.call('announceAgent', { params: { token: '458RV' }, body: {} });
    expect(calls).toEqual(['announce("458RV", {}, {"rights":"agent"})']);
  });
});
