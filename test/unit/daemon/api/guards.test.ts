// Goal: what is no honest request of a local program gets a typed error, and reaches no service.
import { describe, expect, it } from 'vitest';
import { codeOf, request, startBench } from './fixture.ts';

interface Row {
  readonly name: string;
  readonly line: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly status: number;
  readonly code: string;
  /** `details.path`. */
  readonly path?: string;
}

const JOIN = 'POST /v1/join';
const ROWS: readonly Row[] = [
  ...['Origin', 'Referer'].map((header) => ({
    name: header,
    line: 'GET /v1/status',
    headers: { [header]: 'http://localhost' },
    status: 403,
    code: 'ERR_API_ORIGIN',
  })),
  ...['evil.example', 'localhost:80', '127.0.0.1', ''].map((host) => ({
    name: `Host ${host || 'missing'}`,
    line: 'GET /v1/status',
    headers: { Host: host },
    status: 403,
    code: 'ERR_API_ORIGIN',
  })),
  {
    name: 'Origin on a path that is not there',
    line: 'GET /nothing',
    headers: { Origin: 'null' },
    status: 403,
    code: 'ERR_API_ORIGIN',
  },
  { name: 'unknown path', line: 'GET /v1/nothing', status: 404, code: 'ERR_API_NOT_FOUND' },
  { name: 'other method', line: 'DELETE /v1/status', status: 405, code: 'ERR_API_METHOD' },
  { name: 'HEAD', line: 'HEAD /v1/status', status: 405, code: '' },
  {
    name: 'other method, parameter',
    line: 'POST /v1/agents/X',
    status: 405,
    code: 'ERR_API_METHOD',
  },
  { name: 'bad escape', line: 'GET /v1/agents/%zz', status: 400, code: 'ERR_API_QUERY' },
  { name: 'bad UTF-8', line: 'GET /v1/agents/%ff', status: 400, code: 'ERR_API_QUERY' },
  {
    name: 'unknown query field',
    line: 'GET /v1/agents?color=red',
    status: 400,
    code: 'ERR_API_QUERY',
    path: 'color',
  },
  {
    name: 'limit too small',
    line: 'GET /v1/agents?limit=0',
    status: 400,
    code: 'ERR_API_QUERY',
    path: 'limit',
  },
  { name: 'limit no number', line: 'GET /v1/agents?limit=x', status: 400, code: 'ERR_API_QUERY' },
  {
    name: 'limit twice',
    line: 'GET /v1/agents?limit=1&limit=2',
    status: 400,
    code: 'ERR_API_QUERY',
  },
  ...['0x10', '', '%20', '1e2', '5.0', '+5'].map((limit) => ({
    name: `limit ${limit || 'left empty'}`,
    line: `GET /v1/agents?limit=${limit}`,
    status: 400,
    code: 'ERR_API_QUERY',
    path: 'limit',
  })),
  {
    name: 'a time that is left empty',
    line: 'DELETE /v1/agents/X?wait=committed&timeoutMs=',
    status: 400,
    code: 'ERR_API_QUERY',
    path: 'timeoutMs',
  },
  {
    name: 'wait of another kind',
    line: 'DELETE /v1/agents/X?wait=1',
    status: 400,
    code: 'ERR_API_QUERY',
  },
  {
    name: 'wait too long',
    line: 'DELETE /v1/agents/X?timeoutMs=60001',
    status: 400,
    code: 'ERR_API_QUERY',
    path: 'timeoutMs',
  },
  {
    name: 'no peer id in the path',
    line: 'DELETE /v1/members/x',
    status: 400,
    code: 'ERR_API_QUERY',
    path: 'peer',
  },
  {
    name: 'no peer id in a body',
    line: 'POST /v1/agents/X/rebind',
    body: '{"peer":"x"}',
    status: 400,
    code: 'ERR_API_BODY',
    path: 'peer',
  },
  {
    name: 'a name with a control character',
    line: 'PUT /v1/mesh/settings',
    body: '{"name":"a\\u0001b"}',
    status: 400,
    code: 'ERR_API_BODY',
    path: 'name',
  },
  {
    name: 'what is told of a GPU with a control character',
    line: 'POST /v1/agents',
    body: '{"model":"m","gpuInfo":"a\\u0001b"}',
    status: 400,
    code: 'ERR_API_BODY',
    path: 'gpuInfo',
  },
  {
    name: 'a person whose name has a control character',
    line: 'POST /v1/submissions/bafyx/decision',
    body: '{"as":"merged","why":"x","by":"a\\u0001b"}',
    status: 400,
    code: 'ERR_API_BODY',
    path: 'by',
  },
  {
    name: 'token too long',
    line: `DELETE /v1/agents/${'X'.repeat(65)}`,
    status: 400,
    code: 'ERR_API_QUERY',
    path: 'token',
  },
  { name: 'no body', line: JOIN, status: 400, code: 'ERR_API_BODY' },
  { name: 'bad JSON', line: JOIN, body: '{"invite":', status: 400, code: 'ERR_API_BODY' },
  { name: 'body null', line: JOIN, body: 'null', status: 400, code: 'ERR_API_BODY' },
  { name: 'body array', line: JOIN, body: '[]', status: 400, code: 'ERR_API_BODY' },
  { name: 'body text', line: JOIN, body: '"x"', status: 400, code: 'ERR_API_BODY' },
  {
    name: 'wrong type',
    line: JOIN,
    body: '{"invite":7}',
    status: 400,
    code: 'ERR_API_BODY',
    path: 'invite',
  },
  {
    name: 'unknown field',
    line: JOIN,
    body: '{"invite":"x","force":true}',
    status: 400,
    code: 'ERR_API_BODY',
    path: 'force',
  },
  {
    name: '__proto__',
    line: 'POST /v1/invites',
    body: '{"__proto__":{"uses":5}}',
    status: 400,
    code: 'ERR_API_BODY',
  },
  {
    name: 'wrong type deep in a list',
    line: 'POST /v1/agents',
    body: '{"models":[{"model":"a"},{"model":"b","gpuId":16}]}',
    status: 400,
    code: 'ERR_API_BODY',
    path: 'models.1.gpuId',
  },
  {
    name: 'too many agents',
    line: 'POST /v1/agents',
    body: JSON.stringify({ models: Array.from({ length: 257 }, () => ({ model: 'm' })) }),
    status: 400,
    code: 'ERR_API_BODY',
    path: 'models',
  },
  {
    name: 'a body where none is taken',
    line: 'POST /v1/leave',
    body: '{"a":1}',
    status: 400,
    code: 'ERR_API_BODY',
  },
  {
    name: 'a body of a DELETE',
    line: 'DELETE /v1/agents/X',
    body: '{"a":1}',
    status: 400,
    code: 'ERR_API_BODY',
  },
  {
    name: 'deep JSON',
    line: JOIN,
    body: '['.repeat(200_000) + ']'.repeat(200_000),
    status: 400,
    code: 'ERR_API_BODY',
  },
  ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'].map((type) => ({
    name: type,
    line: JOIN,
    headers: { 'Content-Type': type },
    body: '{"invite":"x"}',
    status: 400,
    code: 'ERR_API_BODY',
  })),
  {
    name: 'body over 1 MiB',
    line: JOIN,
    body: JSON.stringify({ invite: 'x'.repeat(1024 * 1024) }),
    status: 413,
    code: 'ERR_API_BODY_TOO_LARGE',
  },
  {
    name: 'body said to be over 1 MiB',
    line: JOIN,
    headers: { 'Content-Length': '999999999' },
    body: '{}',
    status: 413,
    code: 'ERR_API_BODY_TOO_LARGE',
  },
  {
    name: 'headers over 16 KiB',
    line: 'GET /v1/status',
    headers: { 'X-Long': 'x'.repeat(17_000) },
    status: 431,
    code: 'ERR_API_HEADERS_TOO_LARGE',
  },
  {
    name: 'a fault of a service',
    line: 'GET /v1/agents/broken',
    status: 500,
    code: 'ERR_API_INTERNAL',
  },
  {
    name: 'a refusal of a service',
    line: 'GET /v1/agents/none',
    status: 404,
    code: 'ERR_API_NOT_FOUND',
  },
];

describe('guards', () => {
  it.each(ROWS)('$name', async ({ line, headers, body, status, code, path }) => {
    const { socketPath, calls } = await startBench();
    const answer = await request(socketPath, line, headers, body);
    expect(answer.status).toBe(status);
    expect(answer.body).not.toMatch(/\bat .*\.[jt]s:\d|node_modules|secret of/);
    expect(answer.headers['content-security-policy']).toBe("default-src 'none'");
    if (code !== '') {
      const { error } = JSON.parse(answer.body) as { error: Record<string, unknown> };
      expect(error).toMatchObject({
        code,
        message: expect.stringMatching(/./),
        remedy: expect.stringMatching(/./),
        retryable: false,
        ...(path === undefined ? {} : { details: { path } }),
      });
    }
    expect(calls.filter((call) => !call.startsWith('resolveAgent'))).toEqual([]);
    const status200 = await request(socketPath, 'GET /v1/status');
    expect(status200.status).toBe(200);
  });

  it('says where the routes stand', async () => {
    const { socketPath } = await startBench();
    const { body } = await request(socketPath, 'GET /v1/nothing');
    expect(JSON.parse(body)).toMatchObject({
      error: { remedy: 'See /openapi.json for the routes.' },
    });
  });

  it('names the methods that a path takes', async () => {
    const { socketPath } = await startBench();
    const answer = await request(socketPath, 'PATCH /v1/agents');
    expect([codeOf(answer), answer.headers['allow']]).toEqual(['ERR_API_METHOD', 'GET, POST']);
  });

  it('logs a fault of a service with its stack and counts refusals', async () => {
    const lines: string[] = [];
    const logger = {
      error: (fields: object) => void lines.push(JSON.stringify(fields)),
      warn: () => undefined,
      info: () => undefined,
      debug: () => undefined,
      child: () => logger,
    };
    const { socketPath, metrics } = await startBench({ logger });
    await request(socketPath, 'GET /v1/agents/broken');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('secret of the implementation');
    const count = metrics.read('cooee_api_refusals_total', { code: 'ERR_API_INTERNAL' });
    expect(count).toBe(1);
  });

  it('takes an empty body and a charset', async () => {
    const { socketPath, calls } = await startBench();
    const type = { 'Content-Type': 'application/json; charset=utf-8' };
    expect((await request(socketPath, 'POST /v1/leave', type)).status).toBe(200);
    expect((await request(socketPath, JOIN, type, '{"invite":"x"}')).status).toBe(200);
    expect(calls).toEqual(['leave()', 'join("x")']);
  });
});
