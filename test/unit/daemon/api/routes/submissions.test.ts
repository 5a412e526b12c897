import { describe, expect, it } from 'vitest';
import { actingAs } from '../fake-sessions.ts';
import { codeOf, request, startBench } from '../fixture.ts';

// Goal: what is handed in at a socket is checked there, with the field at fault named.

const DR = { kind: 'dr', address: 'ucxl://a@p:t/#/x', title: 'T' };
const post = (socketPath: string, body: unknown, headers: Record<string, string> = {}) =>
  request(socketPath, 'POST /v1/submissions', headers, JSON.stringify(body));

describe('POST /v1/submissions', () => {
  it('is for both sockets, answers 202 before the commit and 200 after it', async () => {
    const { socketPath } = await startBench({ rights: 'agent' });
    const acting = actingAs('458RV');
    const accepted = await post(socketPath, DR, acting);
    expect(accepted.status).toBe(202);
    const answer = { id: 'bafyreia', address: DR.address };
    expect(JSON.parse(accepted.body)).toEqual({ ...answer, state: 'accepted' });
    const waited = 'POST /v1/submissions?wait=committed&timeoutMs=5';
    const committed = await request(socketPath, waited, acting, JSON.stringify(DR));
    expect(committed.status).toBe(200);
    expect(JSON.parse(committed.body)).toEqual({ ...answer, state: 'committed', index: 8 });
  });

  it.each([
    ['another kind', { ...DR, kind: 'memo' }, 'kind'],
    ['no address', { kind: 'dr', title: 'T' }, 'address'],
    ['no title', { kind: 'dr', address: DR.address }, 'title'],
    ['a field that is not known', { ...DR, author: 'me' }, 'author'],
    [
      'an unknown field of an option',
      { ...DR, options: [{ title: 'O', pro: [] }] },
      'options.0.pro',
    ],
    ['an unknown relation', { ...DR, links: [{ rel: 'likes', address: 'x' }] }, 'links.0.rel'],
    ['a list for a record', [DR], ''],
  ])('refuses %s', async (_, body, path) => {
    const { socketPath, calls } = await startBench();
    const answer = await post(socketPath, body);
    expect(answer.status).toBe(400);
    const { error } = JSON.parse(answer.body) as { error: { code: string; details: unknown } };
    expect(error).toMatchObject({ code: 'ERR_API_BODY', details: { part: 'body', path } });
    expect(calls).toEqual([]);
  });

  it('takes what it does not know under x', async () => {
    const { socketPath, calls } = await startBench();
    const x = { ticket: 7, deep: [{ a: null }] };
    expect((await post(socketPath, { ...DR, x })).status).toBe(202);
    expect(calls[0]).toContain(`"x":${JSON.stringify(x)}`);
  });

  it('does the same request with the same key once', async () => {
    const { socketPath, calls } = await startBench();
    const key = { 'Idempotency-Key': 'k1' };
    const first = await post(socketPath, DR, key);
    expect(await post(socketPath, DR, key)).toMatchObject({ status: 202, body: first.body });
    expect(calls).toHaveLength(1);
    const other = await post(socketPath, { ...DR, title: 'U' }, key);
    expect(codeOf(other)).toBe('ERR_API_IDEMPOTENCY_MISMATCH');
  });
});

describe('GET /v1/submissions', () => {
  it.each(['limit=0', 'limit=1001', 'state=sent', 'kind=memo', 'colour=red', 'cursor='])(
    'refuses %s',
    async (query) => {
      const { socketPath } = await startBench({ rights: 'agent' });
      const answer = await request(socketPath, `GET /v1/submissions?${query}`);
      expect(codeOf(answer)).toBe('ERR_API_QUERY');
    },
  );

  it('has 100 as its limit when none is given', async () => {
    const { socketPath, calls } = await startBench({ rights: 'agent' });
    expect((await request(socketPath, 'GET /v1/submissions')).status).toBe(200);
    expect(calls).toEqual(['listSubmissions({"limit":100})']);
  });
});
