// Goal: every route of the table works through the real client, a real Unix socket and the real
// server. Method: one row a route (a missing row does not compile); the answer must fit the route's
// own schema.
import { describe, expect, it } from 'vitest';
import { ROUTE_NAMES, ROUTES } from '../../../../daemon/api/routes/index.ts';
import type { CallInput, CallName } from '../../../../daemon/client/index.ts';
import { agent, PEER, request, startBench } from './fixture.ts';

const WAIT = '{"committed":false,"timeoutMs":10000}';

interface Row<N extends CallName> {
  readonly input: CallInput<N>;
  /** Calls of services that it must lead to. */
  readonly calls: readonly string[];
}

const ROWS: { readonly [N in CallName]: Row<N> } = {
  getStatus: { input: {}, calls: [] },
  listMembers: { input: { query: { minIndex: 7 } }, calls: [] },
  createInvite: {
    input: { body: { uses: 3 } },
    calls: ['issueInvite({"uses":3,"ttlMs":86400000,"role":"member"})'],
  },
  joinMesh: { input: { body: { invite: 'cooee1abc' } }, calls: ['join("cooee1abc")'] },
  leaveMesh: { input: {}, calls: ['leave()'] },
  setMemberRole: {
    input: { params: { peer: PEER }, body: { role: 'curator' } },
    calls: [`setRole("${PEER}", "curator", ${WAIT})`],
  },
  removeMember: {
    input: { params: { peer: PEER }, query: { wait: 'committed', timeoutMs: 500 } },
    calls: [`removeMember("${PEER}", {"committed":true,"timeoutMs":500})`],
  },
  listAgents: {
    input: { query: { capability: 'code review', status: 'idle', limit: 50 } },
    calls: ['queryAgents({"capability":"code review","status":"idle","limit":50})'],
  },
  getAgent: {
    input: { params: { ref: 'ucxl://any:admin@COOEE:enrol/#/agentid/42/3' } },
    calls: ['resolveAgent("ucxl://any:admin@COOEE:enrol/#/agentid/42/3")'],
  },
  enrolAgents: {
    input: { body: { model: 'llama3-70b', gpuId: 3 } },
    calls: [`enrol([{"model":"llama3-70b","gpuId":3}], ${WAIT})`],
  },
  retireAgent: { input: { params: { token: '458RV' } }, calls: [`retire("458RV", ${WAIT})`] },
  announceAgent: {
    input: { params: { token: '458RV' }, body: { status: 'busy', load: 1000 } },
    calls: ['announce("458RV", {"status":"busy","load":1000}, {"rights":"operator"})'],
  },
  rebindAgent: {
    input: { params: { token: '458RV' }, body: { peer: PEER } },
    calls: [`rebind("458RV", "${PEER}", ${WAIT})`],
  },
  getHost: { input: {}, calls: [] },
  getLeader: { input: {}, calls: [] },
  getDoctor: { input: {}, calls: [] },
  stopDaemon: { input: {}, calls: ['stop()'] },
  getMetrics: { input: {}, calls: [] },
  getOpenApi: { input: {}, calls: [] },
};

describe('routes', () => {
  it.each(Object.keys(ROWS) as CallName[])('%s', async (name) => {
    const { client, calls } = await startBench();
    const row = ROWS[name] as Row<'joinMesh'>;
    const answer = await client.call(name as 'joinMesh', row.input);
    expect(ROUTES[name].response.safeParse(answer).error).toBeUndefined();
    await expect.poll(() => calls).toEqual(row.calls);
  });

  it('has a row for every route but the stream', () => {
    expect(Object.keys(ROWS).sort()).toEqual(
      ROUTE_NAMES.filter((name) => name !== 'watchEvents').sort(),
    );
  });

  it('answers writes with 202 before the commit and 200 after it', async () => {
    const { socketPath } = await startBench();
    const body = '{"models":[{"model":"a"},{"model":"b","gpuId":1}]}';
    const accepted = await request(socketPath, 'POST /v1/agents', {}, body);
    expect(accepted.status).toBe(202);
    expect(JSON.parse(accepted.body)).toMatchObject({ id: 'e1', state: 'accepted' });
    const committed = await request(socketPath, 'POST /v1/agents?wait=committed', {}, body);
    expect(committed.status).toBe(200);
    expect(JSON.parse(committed.body)).toMatchObject({ state: 'committed', index: 8 });
  });

  it.each([
    ['%23042', '#042'],
    ['number:42', 'number:42'],
    ['ucxl%3A%2F%2Fagentid%3A458RV', 'ucxl://agentid:458RV'],
    ['9a'.repeat(32), '9a'.repeat(32)],
  ])('takes %s as a reference', async (written, ref) => {
    const { socketPath, calls } = await startBench();
    expect((await request(socketPath, `GET /v1/agents/${written}`)).status).toBe(200);
    expect(calls).toEqual([`resolveAgent(${JSON.stringify(ref)})`]);
  });

  it('sends the applied index, and nothing that a browser may use', async () => {
    const { socketPath } = await startBench();
    const { headers } = await request(socketPath, 'GET /v1/status');
    expect(headers).toMatchObject({
      'x-cooee-index': '7',
      'content-security-policy': "default-src 'none'",
      'cache-control': 'no-store',
      'content-type': 'application/json; charset=utf-8',
    });
    const metrics = await request(socketPath, 'GET /metrics');
    expect(metrics.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(metrics.body).toBe('cooee_x_total 1\n');
  });

  it('waits for minIndex before it reads', async () => {
    const order: string[] = [];
    const { client } = await startBench({
      services: {
        waitForIndex: async (index) => void order.push(`wait ${index}`),
        queryAgents: () => {
          order.push('read');
          return { agents: [agent()], cursor: null };
        },
      },
    });
    await client.call('listAgents', { query: { minIndex: 9 } });
    expect(order).toEqual(['wait 9', 'read']);
  });

  it('stops only after the answer has left', async () => {
    const bench = await startBench();
    expect(await bench.client.call('stopDaemon')).toEqual({ stopping: true, peer: PEER });
    await expect.poll(() => bench.calls).toEqual(['stop()']);
  });
});
