// Goal: every route of the table works through the real client, a real Unix socket and the real
// server. Method: one row a route (a missing row does not compile); the answer must fit the route's
// own schema.
import { describe, expect, it } from 'vitest';
import { ROUTE_NAMES, ROUTES } from '../../../../daemon/api/routes/index.ts';
import type { CallInput, CallName } from '../../../../daemon/client/index.ts';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { CALL_ID } from './fake-calls.ts';
import { agent, codeOf, PEER, request, startBench } from './fixture.ts';

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
  recoverMesh: {
    input: { body: { key: 'cooee-recovery1abc', lost: [PEER] } },
    calls: [`recover({"key":"cooee-recovery1abc","lost":["${PEER}"],"dryRun":false})`],
  },
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
  openCall: {
    input: { body: { question: 'May I?', afterMs: 60_000 } },
    calls: [
      'openCall({"question":"May I?","context":"","options":[],"severity":"blocked",' +
        `"onTimeout":"wait","afterMs":60000}, ${WAIT}, {"rights":"operator"})`,
    ],
  },
  listCalls: {
    input: { query: { state: 'active', severity: 'danger' } },
    calls: ['listCalls({"state":"active","severity":"danger","limit":100})'],
  },
  getCall: { input: { params: { id: CALL_ID } }, calls: [`getCall("${CALL_ID}")`] },
  claimCall: {
    input: { params: { id: CALL_ID }, body: { by: 'Ada' } },
    calls: [`claimCall("${CALL_ID}", {"by":"Ada"}, ${WAIT})`],
  },
  releaseCall: {
    input: { params: { id: CALL_ID }, body: { fence: 1 } },
    calls: [`releaseCall("${CALL_ID}", {"fence":1}, ${WAIT})`],
  },
  answerCall: {
    input: { params: { id: CALL_ID }, body: { fence: 1, text: 'Yes.', by: 'Ada' } },
    calls: [`answerCall("${CALL_ID}", {"fence":1,"text":"Yes.","by":"Ada"}, ${WAIT})`],
  },
  withdrawCall: {
    input: { params: { id: CALL_ID } },
    calls: [`withdrawCall("${CALL_ID}", ${WAIT}, {"rights":"operator"})`],
  },
  submit: {
    input: {
      query: { wait: 'committed', timeoutMs: 500 },
      body: { kind: 'dr', address: 'ucxl://a@p:t/#/x', title: 'T', options: [{ title: 'O' }] },
    },
    calls: [
      'submit({"kind":"dr","address":"ucxl://a@p:t/#/x","title":"T","status":"proposed",' +
        '"context":"","options":[{"title":"O","pros":[],"cons":[],"chosen":false}],' +
        '"decision":"","rationale":"","consequences":[],"links":[]}, ' +
        '{"committed":true,"timeoutMs":500})',
    ],
  },
  listSubmissions: {
    input: { query: { author: PEER, state: 'committed', limit: 5, cursor: 'committed.3' } },
    calls: [
      `listSubmissions({"author":"${PEER}","state":"committed","limit":5,"cursor":"committed.3"})`,
    ],
  },
  getPatch: { input: { params: { id: 'bafyreia' } }, calls: ['getPatch("bafyreia")'] },
  decideSubmission: {
    input: { params: { id: 'bafyreia' }, body: { as: 'merged', why: 'Good.', by: 'Ada' } },
    calls: [`decideSubmission("bafyreia", {"as":"merged","why":"Good.","by":"Ada"}, ${WAIT})`],
  },
  getSubmission: {
    input: { params: { id: 'bafyreia' } },
    calls: ['getSubmission("bafyreia")'],
  },
  getRecord: {
    input: { query: { address: 'ucxl://agentid:458RV', minIndex: 7 } },
    calls: ['getRecord("ucxl://agentid:458RV")'],
  },
  getHistory: {
    input: { query: { address: 'ucxl://a@p:t/~~/x', walk: ['supersedes', 'any'], limit: 3 } },
    calls: ['getHistory({"address":"ucxl://a@p:t/~~/x","limit":3,"walk":"supersedes,any"})'],
  },
  createSession: {
    input: { params: { token: '458RV' } },
    calls: ['createSession("458RV")'],
  },
  listInvites: { input: {}, calls: [] },
  revokeInvite: {
    input: { params: { id: '0a'.repeat(32) } },
    calls: [`revokeInvite("${'0a'.repeat(32)}", ${WAIT})`],
  },
  listSessions: { input: {}, calls: [] },
  revokeSession: { input: { params: { id: 'abc' } }, calls: ['revokeSession("abc")'] },
  readLog: {
    input: { query: { from: 3, kind: 'agent.*', actor: PEER } },
    calls: [`readLog({"from":3,"limit":100,"actor":"${PEER}","kind":"agent.*"})`],
  },
  getProof: {
    input: { params: { index: 7 }, query: { anchor: 4 } },
    calls: ['proof(7, 4)'],
  },
  verifyLog: {
    input: { body: { verified: { from: 1, size: 0, peaks: [] } } },
    calls: ['verifyLog({"from":1,"size":0,"peaks":[]})'],
  },
  getHost: { input: {}, calls: [] },
  getLeader: { input: {}, calls: [] },
  transferLeader: {
    input: { body: { to: PEER } },
    calls: [`transferLeader("${PEER}")`],
  },
  setMesh: {
    input: { body: { votersTarget: 5, level: 2 } },
    calls: [`setMesh({"votersTarget":5,"level":2}, ${WAIT})`],
  },
  getDoctor: { input: {}, calls: [] },
  getWhy: {
    input: { query: { thing: PEER } },
    calls: [`why("${PEER}", {"rights":"operator"})`],
  },
  stageBackup: { input: {}, calls: ['stageBackup()'] },
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

  it('waits for what the leader names before a linearizable read', async () => {
    let applied = 7;
    const waited: number[] = [];
    const { client } = await startBench({
      services: {
        appliedIndex: () => applied,
        readIndex: async () => 9,
        waitForIndex: async (index) => {
          waited.push(index);
          applied = index;
        },
      },
    });
    await client.call('listAgents', { query: { consistency: 'linearizable' } });
    await client.call('listMembers', { query: { consistency: 'linearizable', minIndex: 12 } });
    expect(waited).toEqual([9, 12]);
  });

  it('refuses a linearizable read without a leader', async () => {
    const readIndex = async () => {
      throw new CooeeError('ERR_SLURP_NO_LEADER');
    };
    const { socketPath, calls } = await startBench({ services: { readIndex } });
    const path = '/v1/submissions?consistency=linearizable';
    const answer = await request(socketPath, `GET ${path}`);
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({
      status: 503,
      code: 'ERR_SLURP_NO_LEADER',
    });
    expect((await request(socketPath, 'GET /v1/members?consistency=strong')).status).toBe(400);
    expect(calls).toEqual([]);
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

  it('stops also while it starts and can show nothing', async () => {
    const status = () => {
      throw new CooeeError('ERR_API_STARTING');
    };
    const { client, calls } = await startBench({ services: { status } });
    expect(await client.call('stopDaemon')).toEqual({ stopping: true, peer: PEER });
    await expect.poll(() => calls).toEqual(['stop()']);
  });
});
