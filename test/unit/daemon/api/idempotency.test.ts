// Goal: a POST that is repeated with its key is done once.
import { describe, expect, it } from 'vitest';
import { createMemoryIdempotencyStore, Idempotency } from '../../../../daemon/api/idempotency.ts';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { actingAs } from './fake-sessions.ts';
import { codeOf, request, startBench } from './fixture.ts';

const key = (text: string): Record<string, string> => ({ 'Idempotency-Key': text });

describe('Idempotency-Key', () => {
  it('gives the same answer again without doing it again', async () => {
    let made = 0;
    const { socketPath } = await startBench({
      services: {
        issueInvite: async ({ uses }) => {
          made += 1;
          return {
            id: 'ab'.repeat(32),
            invite: `cooee1${made}`,
            expiresAt: '2026-01-02T03:04:05.678Z',
            uses,
          };
        },
      },
    });
    const ask = (headers: Record<string, string>) =>
      request(socketPath, 'POST /v1/invites', headers, '{"uses":2}');
    const first = await ask(key('a'));
    const again = await ask(key('a'));
    expect([again.status, again.body]).toEqual([first.status, first.body]);
    expect((await ask(key('b'))).body).toContain('cooee12');
    expect((await ask({})).body).toContain('cooee13');
    expect(made).toBe(3);
  });

  it('lets duplicates that come at once share one execution', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let runs = 0;
    const { client } = await startBench({
      services: {
        leave: async () => {
          runs += 1;
          await promise;
          return { mesh: `m${runs}`, peer: 'p' };
        },
      },
    });
    const calls = Array.from({ length: 20 }, () =>
      client.call('leaveMesh', { idempotencyKey: 'same' }),
    );
    await expect.poll(() => runs).toBe(1);
    resolve();
    for (const answer of await Promise.all(calls))
      expect(answer).toEqual({ mesh: 'm1', peer: 'p' });
    expect(runs).toBe(1);
  });

  it.each([
    ['another body', 'POST /v1/join', '{"invite":"y"}'],
    ['another route', 'POST /v1/invites', '{"uses":1}'],
    ['another query', 'POST /v1/join?', '{"invite":"x"}'],
  ])('refuses the key for %s', async (_what, line, body) => {
    const { socketPath } = await startBench();
    await request(socketPath, 'POST /v1/join', key('k'), '{"invite":"x"}');
    const answer = await request(socketPath, line, key('k'), body);
    expect([answer.status, codeOf(answer)]).toEqual([409, 'ERR_API_IDEMPOTENCY_MISMATCH']);
  });

  it('tries a failed request again', async () => {
    let runs = 0;
    const { client } = await startBench({
      services: {
        join: async () => {
          runs += 1;
          if (runs === 1) throw new CooeeError('ERR_SLURP_NO_LEADER');
          return { mesh: 'm', peer: 'p' };
        },
      },
    });
    const join = () => client.call('joinMesh', { body: { invite: 'x' }, idempotencyKey: 'k' });
    await expect(join()).rejects.toMatchObject({ code: 'ERR_SLURP_NO_LEADER', retryable: true });
    expect(await join()).toEqual({ mesh: 'm', peer: 'p' });
  });

  it.each(['', 'a b', 'x'.repeat(256)])('refuses the key %j', async (text) => {
    const idempotency = new Idempotency(createMemoryIdempotencyStore());
    const asked = { key: text, scope: '', parts: [] };
    const run = idempotency.run(asked, async () => ({ status: 200, json: '' }));
    await expect(run).rejects.toMatchObject({ code: 'ERR_API_QUERY' });
  });

  it('holds the keys of each agent, and of the operator, apart', async () => {
    const { socketPath, calls } = await startBench();
    const line = 'POST /v1/submissions';
    const body = '{"kind":"dr","address":"ucxl://a@p:t/#/x","title":"T"}';
    const by = (agent: string) => ({ ...key('k'), ...actingAs(agent) });
    const of = (call: string) => calls.filter((it) => it.startsWith(call)).length;
    for (const headers of [by('458RV'), by('458RV'), by('45A01'), key('k')]) {
      expect((await request(socketPath, line, headers, body)).status).toBe(202);
    }
    expect(of('submit(')).toBe(3);
    const other = await request(socketPath, line, by('458RV'), body.replace('"T"', '"U"'));
    expect(codeOf(other)).toBe('ERR_API_IDEMPOTENCY_MISMATCH');
  });

  it('checks the request before it looks at the key', async () => {
    const { socketPath } = await startBench();
    const bad = await request(socketPath, 'POST /v1/join', key('k'), '{"invite":7}');
    expect(codeOf(bad)).toBe('ERR_API_BODY');
    const good = await request(socketPath, 'POST /v1/join', key('k'), '{"invite":"x"}');
    expect(good.status).toBe(200);
  });

  it('keeps what was used last, within its bounds', async () => {
    const store = createMemoryIdempotencyStore({ keysMax: 3, bytesMax: 10 });
    const put = (name: string, json: string) =>
      store.put(name, { status: 200, json, fingerprint: name });
    for (const name of ['a', 'b', 'c']) await put(name, '1');
    await store.get('a');
    await put('d', '1');
    expect(await store.get('b')).toBeUndefined();
    expect(await store.get('a')).toBeDefined();
    await put('e', '123456789');
    expect(await store.get('c')).toBeUndefined();
    expect(await store.get('e')).toBeDefined();
    await put('f', 'longer than all');
    expect(await store.get('f')).toBeUndefined();
    expect(await store.get('e')).toBeUndefined();
  });
});
