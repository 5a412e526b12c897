// Goal: the agent socket cannot do what it must not. Method: every route on
// both sockets, against a list written by hand, so that a new route must say here which socket it
// belongs to.
import { describe, expect, it } from 'vitest';
import {
  type Rights,
  ROUTE_NAMES,
  ROUTES,
  type RouteName,
} from '../../../../daemon/api/routes/index.ts';
import { actingAs } from './fake-sessions.ts';
import { codeOf, PEER, parseRaw, request, sendRaw, startBench } from './fixture.ts';

const AGENT_MAY: readonly RouteName[] = [
  'announceAgent',
  'getAgent',
  'getCall',
  'getDoctor',
  'getHistory',
  'getLeader',
  'getMetrics',
  'getOpenApi',
  'getPatch',
  'getProof',
  'getRecord',
  'getStatus',
  'getSubmission',
  'getWhy',
  'listAgents',
  'listCalls',
  'listMembers',
  'listSubmissions',
  'openCall',
  'readLog',
  'submit',
  'watchEvents',
  'withdrawCall',
];

/** What an agent does rather than reads: needs its ticket on the agent socket. */
const AGENT_ACTS: readonly RouteName[] = ['announceAgent', 'openCall', 'submit', 'withdrawCall'];

const BODIES: Partial<Record<RouteName, string>> = {
  setMesh: '{"votersTarget":3}',
  joinMesh: '{"invite":"cooee1abc"}',
  recoverMesh: '{"dryRun":true}',
  setMemberRole: '{"role":"admin"}',
  enrolAgents: '{"model":"m"}',
  announceAgent: '{"status":"idle"}',
  rebindAgent: `{"peer":"${PEER}"}`,
  submit: '{"kind":"dr","address":"ucxl://a@p:t/#/x","title":"T"}',
  decideSubmission: '{"as":"accepted","why":"w"}',
  openCall: '{"question":"Q"}',
  claimCall: '{"by":"ann"}',
  releaseCall: '{"by":"ann","fence":1}',
  answerCall: '{"by":"ann","fence":1,"text":"A"}',
};

const QUERIES: Partial<Record<RouteName, string>> = {
  getWhy: '?thing=beta',
  getRecord: '?address=ucxl%3A%2F%2Fagentid%3A458RV',
  getHistory: '?address=ucxl%3A%2F%2Fagentid%3A458RV',
};

const pathOf = (name: RouteName): string =>
  ROUTES[name].path
    .replace('{index}', '7')
    .replace('{peer}', PEER)
    .replace('{ref}', '458RV')
    .replace('{id}', name === 'revokeInvite' ? '0a'.repeat(32) : 'bafyreia')
    .replace('{token}', '458RV') + (QUERIES[name] ?? '');

describe.each<Rights>(['operator', 'agent'])('the %s socket', (rights) => {
  const names = ROUTE_NAMES.filter((name) => name !== 'watchEvents');
  it.each(names)('%s', async (name) => {
    const { socketPath, calls } = await startBench({ rights });
    const answer = await request(
      socketPath,
      `${ROUTES[name].method} ${pathOf(name)}`,
      rights === 'agent' ? actingAs('458RV') : {},
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

  it('tell services which socket a caller is on, and which agent it is', async () => {
    const line = 'PUT /v1/agents/458RV/status';
    const agent = await startBench({ rights: 'agent' });
    for (const name of ['458RV', '45A01']) {
      expect((await request(agent.socketPath, line, actingAs(name), '{}')).status).toBe(200);
    }
    expect(agent.calls).toEqual([
      'announce("458RV", {}, {"rights":"agent","agent":"458RV"})',
      'announce("458RV", {}, {"rights":"agent","agent":"45A01"})',
    ]);
    const operator = await startBench();
    await request(operator.socketPath, line, actingAs('458RV'), '{}');
    await request(operator.socketPath, line, {}, '{}');
    expect(operator.calls).toEqual([
      'announce("458RV", {}, {"rights":"operator","agent":"458RV"})',
      'announce("458RV", {}, {"rights":"operator"})',
    ]);
  });
});

describe('a ticket', () => {
  it('is needed for what the list says, and for nothing else', () => {
    const acts = ROUTE_NAMES.filter((name) => ROUTES[name].acts);
    expect(acts.sort()).toEqual([...AGENT_ACTS]);
  });

  it.each([...AGENT_ACTS])('is needed on the agent socket for %s', async (name) => {
    const { socketPath, calls } = await startBench({ rights: 'agent' });
    // Before the body is read, as for rights.
    const answer = await request(socketPath, `${ROUTES[name].method} ${pathOf(name)}`, {}, '{"x');
    expect([answer.status, codeOf(answer)]).toEqual([401, 'ERR_SESSIONS_NEEDED']);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(calls).toEqual([]);
  });

  it.each([
    ['another scheme', 'Basic dXNlcjpwYXNz'],
    ['no ticket', 'Bearer '],
    ['two tickets', 'Bearer ticket.of.458RV, Bearer ticket.of.45A01'],
    ['one that is not good', 'Bearer rubbish'],
    ['characters that no ticket has', 'Bearer ticket.of.458RV\u00e9'],
  ])('is refused with %s, also where none is needed', async (_what, value) => {
    for (const rights of ['agent', 'operator'] as const) {
      const { socketPath } = await startBench({ rights });
      const answer = await request(socketPath, 'GET /v1/status', { Authorization: value });
      expect([answer.status, codeOf(answer)]).toEqual([401, 'ERR_SESSIONS_TICKET']);
    }
  });

  it('may come with any spelling of its scheme, and once', async () => {
    const { socketPath } = await startBench({ rights: 'agent' });
    const { Authorization = '' } = actingAs('458RV');
    for (const scheme of ['bearer', 'BEARER', 'Bearer ']) {
      const headers = { Authorization: Authorization.replace('Bearer', scheme) };
      expect((await request(socketPath, 'GET /v1/status', headers)).status).toBe(200);
    }
    const twice = await sendRaw(
      socketPath,
      `GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
        `Authorization: ${Authorization}\r\nAuthorization: ${Authorization}\r\n\r\n`,
    );
    expect(parseRaw(twice).status).toBe(401);
  });
});
