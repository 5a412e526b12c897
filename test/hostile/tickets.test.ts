import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importJWK, type JWTHeaderParameters, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CooeeClient } from '../../daemon/client/index.ts';
import { isCooeeError, LIMITS, silentLogger } from '../../protocols/interface/index.ts';
import { loadOrCreateNodeKey } from '../../storage/keys.ts';
import { type TestHost, TestMesh, until } from '../mesh/harness.ts';
import { ask, type RawAnswer } from '../mesh/raw-http.ts';
import { Stopwatch } from '../mesh/stopwatch.ts';

// Goal: an agent acts as itself and as nobody else, and no ticket that the operator of this host
// did not make, or took back, is good for anything. Method: two real daemons; tickets that are
// forged, some with the node's own key, which nobody but the node has.

const NOTES = 'ucxl://any:any@shop:notes/#';
const WAIT = { wait: 'committed', timeoutMs: 20_000 } as const;
const DAY_S = 24 * 60 * 60;

let mesh: TestMesh;
let host: TestHost;
let other: TestHost;
/** Agents of the host; the third lives on the other one. */
let ann: string;
let bob: string;
let eve: string;
let agentSocket: string;

beforeAll(async () => {
  mesh = new TestMesh();
  [host, other] = (await mesh.start('tickets', 'elsewhere')) as [TestHost, TestHost];
  agentSocket = join(host.home, 'agent.sock');
  const enrol = async (at: TestHost, model: string): Promise<string> =>
    (await at.client.call('enrolAgents', { query: WAIT, body: { model } })).token as string;
  ann = await enrol(host, 'ann');
  bob = await enrol(host, 'bob');
  eve = await enrol(other, 'eve');
});
afterAll(async () => {
  await mesh.close();
});

async function codeOf(task: Promise<unknown>): Promise<string> {
  try {
    await task;
    return 'done';
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
}

const announce = (client: CooeeClient, token: string) =>
  client.call('announceAgent', { params: { token }, body: { status: 'busy' } });

const note = (name: string) => ({
  kind: 'dr' as const,
  address: `${NOTES}/${name}`,
  title: `Note ${name}`,
});

/** What the agent socket says to an announcement for `ann` with this ticket. */
const withTicket = (ticket: string): Promise<RawAnswer> =>
  ask(agentSocket, {
    method: 'PUT',
    path: `/v1/agents/${ann}/status`,
    headers: { authorization: `Bearer ${ticket}` },
    body: '{"status":"idle"}',
  });

/** Status, code and reason of a refusal. */
function said({ status, text }: RawAnswer): string {
  const { error } = JSON.parse(text) as {
    error?: { code: string; remedy: string; details?: { reason?: string } };
  };
  if (error === undefined) return String(status);
  expect(error.remedy).not.toBe('');
  return [status, error.code, error.details?.reason].filter((it) => it !== undefined).join(' ');
}

describe('an agent with its ticket', () => {
  it('announces for itself and for no other, whoever lives where', async () => {
    const acting = await host.actAs(ann);
    expect(await announce(acting, ann)).toMatchObject({ token: ann, status: 'busy' });
    expect(await announce(acting, ann.toLowerCase())).toMatchObject({ token: ann });
    for (const token of [bob, eve]) {
      expect(await codeOf(announce(acting, token))).toBe('ERR_SESSIONS_NOT_SELF');
    }
    // As it was enrolled.
    const { agents } = await host.client.call('listAgents', {});
    const statusOf = (token: string) => agents.find((it) => it.token === token)?.status;
    expect([statusOf(ann), statusOf(bob), statusOf(eve)]).toEqual(['busy', 'idle', 'idle']);
  });

  it('is the author of what it hands in, and cannot name another', async () => {
    const acting = await host.actAs(ann);
    const { id } = await acting.call('submit', { query: WAIT, body: note('mine') });
    const read = await host.client.call('getSubmission', { params: { id } });
    expect(read.author).toEqual({ peer: await host.peer(), agent: ann });
    for (const more of [{ author: bob }, { agent: bob }, { actor: { agent: bob } }]) {
      const body = { ...note('theirs'), ...more };
      expect(await codeOf(acting.call('submit', { query: WAIT, body }))).toBe('ERR_API_BODY');
    }
  });

  it('withdraws its own call, and no other', async () => {
    const [first, second] = [await host.actAs(ann), await host.actAs(bob)];
    const body = { question: 'May I?' };
    const { id } = await first.call('openCall', { query: WAIT, body });
    const withdraw = (client: CooeeClient) =>
      client.call('withdrawCall', { params: { id }, query: WAIT });
    expect(await codeOf(withdraw(second))).toBe('ERR_HELP_NOT_ASKER');
    const { asker } = await host.client.call('getCall', { params: { id } });
    expect(asker).toMatchObject({ agent: ann });
    expect(await codeOf(withdraw(first))).toBe('done');
  });

  it('has keys of its own: another with the same key is another request', async () => {
    const [first, second] = [await host.actAs(ann), await host.actAs(bob)];
    const idempotencyKey = 'the-same';
    const submit = (client: CooeeClient) =>
      client.call('submit', { query: WAIT, body: note('keyed'), idempotencyKey });
    const ids = [await submit(first), await submit(second), await submit(first)].map((it) => it.id);
    expect(new Set(ids).size).toBe(2);
    expect(ids[2]).toBe(ids[0]);
  });

  it('does no more than agents do: no calls answered, no sessions, no invites', async () => {
    const acting = await host.actAs(ann);
    const params = { token: bob };
    const refused = await Promise.all([
      codeOf(acting.call('createSession', { params })),
      codeOf(acting.call('listSessions')),
      codeOf(acting.call('revokeSession', { params: { id: 'x' } })),
      codeOf(acting.call('createInvite', { body: {} })),
      codeOf(acting.call('retireAgent', { params })),
    ]);
    expect(refused).toEqual(Array.from({ length: 5 }, () => 'ERR_API_FORBIDDEN'));
  });

  it('acts as itself on the operator socket as well, where none is needed', async () => {
    const { ticket } = await host.client.call('createSession', { params: { token: ann } });
    const headers = { authorization: `Bearer ${ticket}` };
    const put = (token: string, more: Record<string, string>) =>
      ask(join(host.home, 'cooee.sock'), {
        method: 'PUT',
        path: `/v1/agents/${token}/status`,
        headers: more,
        body: '{"status":"idle"}',
      });
    expect(said(await put(ann, headers))).toBe('200');
    expect(said(await put(bob, headers))).toBe('403 ERR_SESSIONS_NOT_SELF');
    expect(said(await put(bob, {}))).toBe('200');
  });
});

describe('without a ticket', () => {
  it('the agent socket reads, and does nothing', async () => {
    const { agentClient } = host;
    const refused = await Promise.all([
      codeOf(announce(agentClient, ann)),
      codeOf(agentClient.call('submit', { body: note('nobody') })),
      codeOf(agentClient.call('openCall', { body: { question: 'Q' } })),
      codeOf(agentClient.call('withdrawCall', { params: { id: 'x' } })),
    ]);
    expect(refused).toEqual(Array.from({ length: 4 }, () => 'ERR_SESSIONS_NEEDED'));
    expect((await agentClient.call('listAgents', {})).agents.length).toBeGreaterThanOrEqual(3);
  });
});

describe('a ticket that is not good', () => {
  let claims: Record<string, unknown>;
  let header: JWTHeaderParameters;
  let forge: (change: Record<string, unknown>, head?: Record<string, unknown>) => Promise<string>;
  let publicKey: Uint8Array;

  /** All that a good ticket says, and the very key that signs it: one thing is wrong each time. */
  beforeAll(async () => {
    const { ticket } = await host.client.call('createSession', { params: { token: ann } });
    const [first = '', second = ''] = ticket.split('.');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    header = read(first);
    claims = read(second);
    const key = await loadOrCreateNodeKey({ path: host.home, logger: silentLogger });
    publicKey = key.publicKey.raw;
    const [d, x] = [key.raw.slice(0, 32), publicKey].map((bytes) =>
      Buffer.from(bytes as Uint8Array).toString('base64url'),
    );
    const signer = await importJWK({ kty: 'OKP', crv: 'Ed25519', d: d ?? '', x: x ?? '' }, 'EdDSA');
    forge = (change, head = {}) =>
      new SignJWT({ ...claims, ...change }).setProtectedHeader({ ...header, ...head }).sign(signer);
    expect(said(await withTicket(await forge({})))).toBe('200');
  });

  it('is refused with its reason, though the key of the node signed it', async () => {
    const now = Math.floor(Date.now() / 1000);
    const elsewhere = await other.peer();
    const refused = {
      expired: await forge({ iat: now - 31 * DAY_S, exp: now - DAY_S }),
      early: await forge({ iat: now + DAY_S, exp: now + 2 * DAY_S }),
      mesh: await forge({ aud: 'bafyreianothermesh' }),
      issuer: await forge({ iss: elsewhere }),
      keyId: await forge({}, { kid: elsewhere }),
      type: await forge({}, { typ: 'JWT' }),
      agent: await forge({ sub: bob }),
      id: await forge({ jti: '00'.repeat(16) }),
      rights: await forge({ rights: 'operator' }),
      noEnd: await forge({ exp: undefined }),
    };
    const answers: Record<string, string> = {};
    for (const [name, ticket] of Object.entries(refused)) {
      answers[name] = said(await withTicket(ticket));
    }
    expect(answers).toEqual({
      expired: '401 ERR_SESSIONS_EXPIRED',
      early: '401 ERR_SESSIONS_TICKET early',
      mesh: '401 ERR_SESSIONS_TICKET mesh',
      issuer: '401 ERR_SESSIONS_TICKET issuer',
      keyId: '401 ERR_SESSIONS_TICKET key',
      type: '401 ERR_SESSIONS_TICKET type',
      agent: '401 ERR_SESSIONS_REVOKED',
      id: '401 ERR_SESSIONS_REVOKED',
      rights: '401 ERR_SESSIONS_TICKET malformed',
      noEnd: '401 ERR_SESSIONS_TICKET malformed',
    });
  });

  it('is refused when it is not signed with that key', async () => {
    const part = (value: unknown): string =>
      Buffer.from(JSON.stringify(value)).toString('base64url');
    const hs256 = await new SignJWT(claims)
      .setProtectedHeader({ ...header, alg: 'HS256' })
      .sign(publicKey);
    const none = `${part({ ...header, alg: 'none' })}.${part(claims)}`;
    const { privateKey } = generateKeyPairSync('ed25519');
    const stranger = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
    const ofOther = await other.client.call('createSession', { params: { token: eve } });
    const answers = {
      stranger: said(await withTicket(stranger)),
      // As RFC 7519 writes an unsecured one, and with something in the place of its signature.
      none: said(await withTicket(`${none}.`)),
      nonePadded: said(await withTicket(`${none}.${'A'.repeat(86)}`)),
      publicKeyAsSecret: said(await withTicket(hs256)),
      publicKeyPadded: said(await withTicket(hs256.padEnd(hs256.length + 43, 'A'))),
      otherNode: said(await withTicket(ofOther.ticket)),
    };
    expect(answers).toEqual({
      stranger: '401 ERR_SESSIONS_TICKET signature',
      none: '401 ERR_SESSIONS_TICKET malformed',
      nonePadded: '401 ERR_SESSIONS_TICKET algorithm',
      publicKeyAsSecret: '401 ERR_SESSIONS_TICKET malformed',
      publicKeyPadded: '401 ERR_SESSIONS_TICKET algorithm',
      otherNode: '401 ERR_SESSIONS_TICKET key',
    });
  });

  it('is refused when it is long, up to the end of the headers', async () => {
    const ticket = await forge({});
    for (const length of [LIMITS.ticketBytesMax, 8 * LIMITS.ticketBytesMax]) {
      const answer = await withTicket(ticket.padEnd(length, 'A'));
      expect(said(answer)).toBe('401 ERR_SESSIONS_TICKET malformed');
    }
    const answer = await withTicket('A'.repeat(2 * LIMITS.httpHeaderBytesMax));
    expect(said(answer)).toBe('431 ERR_API_HEADERS_TOO_LARGE');
  });

  it('makes no difference by the thousand: good ones go on, and the log stays short', async () => {
    const acting = await host.actAs(bob);
    const bad = await forge({ jti: 'ff'.repeat(16) });
    const forged = `${(await forge({})).slice(0, -8)}AAAAAAAA`;
    const printed = host.stderr.length;
    const flood = Array.from({ length: 40 }, async (_, lane) => {
      const codes = new Set<string>();
      for (let i = 0; i < 100; i += 1) codes.add(said(await withTicket(lane % 2 ? bad : forged)));
      return [...codes];
    });
    const watch = new Stopwatch();
    let slowestMs = 0;
    for (let i = 0; i < 50; i += 1) {
      const begin = performance.now();
      await announce(acting, bob);
      slowestMs = Math.max(slowestMs, performance.now() - begin);
    }
    await watch.expectTook(slowestMs, 2_000, 'announcing during 4,000 bad tickets');
    const codes = new Set((await Promise.all(flood)).flat());
    expect([...codes].sort()).toEqual([
      '401 ERR_SESSIONS_REVOKED',
      '401 ERR_SESSIONS_TICKET signature',
    ]);
    // Counted, not logged.
    const metrics = await host.client.call('getMetrics');
    const counted = /cooee_api_refusals_total\{code="ERR_SESSIONS_REVOKED"\} (\d+)/.exec(metrics);
    expect(Number(counted?.[1])).toBeGreaterThanOrEqual(2_000);
    expect(host.stderr.length - printed).toBeLessThan(100_000);
    expect((await host.client.call('getStatus')).health.ok).toBe(true);
  });
});

describe('a ticket that was good', () => {
  it('is refused once it is revoked, also after kill -9 and a restart; others stay', async () => {
    const make = () => host.client.call('createSession', { params: { token: ann } });
    const [revoked, kept] = [await make(), await make()];
    expect(said(await withTicket(revoked.ticket))).toBe('200');
    expect(await host.json('sessions', 'revoke', revoked.id.slice(0, 12))).toMatchObject({
      id: revoked.id,
      agent: ann,
    });
    expect(said(await withTicket(revoked.ticket))).toBe('401 ERR_SESSIONS_REVOKED');
    await host.end('SIGKILL');
    await host.up();
    expect(said(await withTicket(revoked.ticket))).toBe('401 ERR_SESSIONS_REVOKED');
    expect(said(await withTicket(kept.ticket))).toBe('200');
    const { sessions } = await host.client.call('listSessions');
    const ids = sessions.map(({ id }) => id);
    expect([ids.includes(kept.id), ids.includes(revoked.id)]).toEqual([true, false]);
  });

  it('ends with its agent, and stays ended when the agent comes back', async () => {
    const { ticket } = await host.client.call('createSession', { params: { token: ann } });
    await host.client.call('retireAgent', { params: { token: ann }, query: WAIT });
    await until('it is refused', async () => said(await withTicket(ticket)) !== '200', 20_000);
    const params = { token: ann };
    expect(await codeOf(host.client.call('createSession', { params }))).toBe(
      'ERR_SESSIONS_AGENT_GONE',
    );
    await host.client.call('enrolAgents', { query: WAIT, body: { model: 'ann' } });
    expect(said(await withTicket(ticket))).toBe('401 ERR_SESSIONS_REVOKED');
    const again = await host.client.call('createSession', { params });
    expect(said(await withTicket(again.ticket))).toBe('200');
  });

  it('stands in no file and in no line that the daemon printed', async () => {
    const { ticket } = await host.client.call('createSession', { params: { token: bob } });
    await withTicket(ticket);
    const [, , signature = ''] = ticket.split('.');
    const files = readdirSync(host.home, { withFileTypes: true, recursive: true });
    const found = files
      .filter((it) => it.isFile())
      .map((it) => join(it.parentPath, it.name))
      .filter((path) => readFileSync(path).includes(signature));
    expect(found).toEqual([]);
    expect(host.stdout + host.stderr).not.toContain(signature);
  });
});

describe('the command line', () => {
  it('acts as the agent of the ticket in a file, on the agent socket', async () => {
    const file = join(mesh.folder, 'bob.ticket');
    const made = await host.cli('sessions', 'create', bob, '--out', file);
    expect(made).toMatchObject({ code: 0, stdout: `wrote the ticket of ${bob} to ${file}\n` });
    const onAgentSocket = ['--socket', agentSocket];
    const bare = await host.cli('announce', bob, '--status', 'idle', ...onAgentSocket);
    expect(bare).toMatchObject({ code: 4 });
    expect(bare.stderr).toMatch(/--home \S+ sessions create TOKEN --out FILE/);
    const acting = [...onAgentSocket, '--ticket', file];
    expect(await host.cli('announce', bob, '--status', 'idle', ...acting)).toMatchObject({
      code: 0,
    });
    expect(await host.cli('announce', ann, '--status', 'idle', ...acting)).toMatchObject({
      code: 4,
    });
    expect(await host.cli('announce', ann, '--status', 'idle')).toMatchObject({ code: 0 });
  });
});
