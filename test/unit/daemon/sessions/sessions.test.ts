import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { type KeyValueStore, LIMITS } from '../../../../protocols/interface/index.ts';
import type { AppliedEntry } from '../../../../protocols/slurp/index.ts';
import { encodeCanonical } from '../../../../protocols/wire/index.ts';
import {
  forge,
  goodClaims,
  HEADER,
  key,
  newSessions,
  OTHER_PEER,
  type Parts,
  refusal,
} from './fixture.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let parts: Parts;
beforeEach(async () => {
  parts = await newSessions();
});

/** An entry with one event of the state. */
const entry = (type: string, token: string): AppliedEntry =>
  ({ events: [{ type, data: { token }, index: 9 }] }) as unknown as AppliedEntry;

/** Ids of the sessions that are on the disk. */
async function keptIn(store: KeyValueStore): Promise<readonly string[]> {
  const kept: string[] = [];
  for await (const [name] of store.entries('session')) kept.push(name);
  return kept;
}

describe('a ticket', () => {
  it('names its agent, and says whose it is and for how long', async () => {
    const { sessions, clock } = parts;
    const { ticket, ...session } = await sessions.create('458RV');
    expect(await sessions.authenticate(ticket)).toBe('458RV');
    expect(session).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      agent: '458RV',
      version: 1,
      createdMs: Math.floor(clock.nowMs() / 1000) * 1000,
      expiresMs: session.createdMs + 30 * DAY_MS,
    });
    const [header = '', claims = ''] = ticket.split('.');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    expect(read(header)).toEqual(HEADER);
    expect(read(claims)).toEqual(goodClaims(session.createdMs, { jti: session.id }));
    expect(ticket.length).toBeLessThan(LIMITS.ticketBytesMax);
  });

  it('has its signature checked once, then is known at once', async () => {
    const { sessions, checked } = parts;
    const { ticket } = await sessions.create('458RV');
    await sessions.authenticate(ticket);
    for (let i = 0; i < 100; i += 1) expect(sessions.authenticate(ticket)).toBe('458RV');
    expect(checked()).toBe(1);
  });

  it('ends when its time is over, on the very millisecond, known or not', async () => {
    const { sessions, clock } = parts;
    const { ticket, expiresMs } = await sessions.create('458RV');
    const fresh = await sessions.create('458RV');
    await sessions.authenticate(ticket);
    clock.advance(expiresMs - clock.nowMs() - 1);
    expect(await refusal(() => sessions.authenticate(ticket))).toBe('good');
    clock.advance(1);
    expect(await refusal(() => sessions.authenticate(ticket))).toBe('ERR_SESSIONS_EXPIRED');
    expect(await refusal(() => sessions.authenticate(fresh.ticket))).toBe('ERR_SESSIONS_EXPIRED');
    expect(sessions.list()).toEqual([]);
  });

  it('ends when it is revoked, and stays so after a restart', async () => {
    const { sessions, restart } = parts;
    const first = await sessions.create('458RV');
    const second = await sessions.create('458RV');
    await sessions.authenticate(first.ticket);
    expect(await sessions.revoke(first.id)).toMatchObject({ id: first.id, agent: '458RV' });
    const again = await restart();
    for (const at of [sessions, again]) {
      expect(await refusal(() => at.authenticate(first.ticket))).toBe('ERR_SESSIONS_REVOKED');
      expect(await at.authenticate(second.ticket)).toBe('458RV');
      expect(at.list().map(({ id }) => id)).toEqual([second.id]);
    }
    expect(await refusal(() => sessions.revoke(first.id))).toBe('ERR_API_NOT_FOUND');
  });

  it('that is revoked while its signature is checked is refused', async () => {
    const { sessions } = parts;
    const { ticket, id } = await sessions.create('458RV');
    const asked = refusal(() => sessions.authenticate(ticket));
    await sessions.revoke(id);
    expect(await asked).toBe('ERR_SESSIONS_REVOKED');
    expect(await refusal(() => sessions.authenticate(ticket))).toBe('ERR_SESSIONS_REVOKED');
  });

  it('is refused while its agent is retired or elsewhere', async () => {
    const { sessions, agents } = parts;
    const { ticket } = await sessions.create('458RV');
    await sessions.authenticate(ticket);
    agents.grant('458RV', { retiredIndex: 8 });
    expect(await refusal(() => sessions.authenticate(ticket))).toBe('ERR_SESSIONS_AGENT_GONE');
    agents.grant('458RV', { peer: OTHER_PEER });
    expect(await refusal(() => sessions.authenticate(ticket))).toBe('ERR_SESSIONS_AGENT_GONE');
  });

  it.each(['agent:retire', 'agent:rebind'])('ends for good with %s', async (type) => {
    const { sessions, store, restart } = parts;
    const gone = await sessions.create('458RV');
    const stays = await sessions.create('45A01');
    await store.batch(sessions.writesFor(entry('agent:grant', '458RV')));
    expect(await sessions.authenticate(gone.ticket)).toBe('458RV');
    await store.batch(sessions.writesFor(entry(type, '458RV')));
    // The agent is granted again: its old tickets are not.
    for (const at of [sessions, await restart()]) {
      expect(await refusal(() => at.authenticate(gone.ticket))).toBe('ERR_SESSIONS_REVOKED');
      expect(await at.authenticate(stays.ticket)).toBe('45A01');
    }
  });

  it('is written down nowhere: not in the store, not in the log', async () => {
    const { sessions, store, logged } = parts;
    const { ticket, id } = await sessions.create('458RV');
    await sessions.authenticate(ticket);
    await sessions.revoke((await sessions.create('458RV')).id);
    const [, , signature = ''] = ticket.split('.');
    for await (const [name, value] of store.entries('session')) {
      expect(name + Buffer.from(value).toString('latin1')).not.toContain(signature);
    }
    expect(logged()).toContain(id);
    expect(logged()).not.toContain(signature);
  });
});

describe('a forged ticket', () => {
  const sign = (claims: Record<string, unknown>, signer: Parameters<SignJWT['sign']>[0]) =>
    new SignJWT(claims).setProtectedHeader(HEADER).sign(signer);

  it('is refused when another key signed it, though all it says is right', async () => {
    const { sessions, clock } = parts;
    const { id } = await sessions.create('458RV');
    const { privateKey } = generateKeyPairSync('ed25519');
    const forged = await sign({ ...goodClaims(clock.nowMs()), jti: id }, privateKey);
    expect(await refusal(() => sessions.authenticate(forged))).toBe(
      'ERR_SESSIONS_TICKET signature',
    );
  });

  it('is refused when the public key signed it as a secret', async () => {
    const { sessions, clock } = parts;
    const { id } = await sessions.create('458RV');
    const hs256 = await new SignJWT({ ...goodClaims(clock.nowMs()), jti: id })
      .setProtectedHeader({ ...HEADER, alg: 'HS256' })
      .sign(key.publicKey.raw);
    // A tag of HMAC is shorter than a signature; padded, it is one of the right length.
    for (const ticket of [hs256, hs256.padEnd(hs256.length + 43, 'A')]) {
      expect(await refusal(() => sessions.authenticate(ticket))).toMatch(/^ERR_SESSIONS_TICKET/);
    }
  });

  it('is refused when any one of its characters is another', async () => {
    const { sessions } = parts;
    const { ticket } = await sessions.create('458RV');
    const other = await sessions.create('45A01');
    const swap = ticket
      .split('.')
      .with(1, other.ticket.split('.')[1] ?? '')
      .join('.');
    expect(await refusal(() => sessions.authenticate(swap))).toBe('ERR_SESSIONS_TICKET signature');
    for (let at = 0; at < ticket.length; at += 7) {
      const changed = ticket.slice(0, at) + (ticket[at] === 'A' ? 'B' : 'A') + ticket.slice(at + 1);
      expect(await refusal(() => sessions.authenticate(changed))).not.toBe('good');
    }
    expect(await sessions.authenticate(ticket)).toBe('458RV');
  });

  it('with an id that nobody was given costs no signature', async () => {
    const { sessions, clock, checked } = parts;
    for (let i = 0; i < 1_000; i += 1) {
      const ticket = forge(HEADER, goodClaims(clock.nowMs(), { jti: String(i) }));
      expect(await refusal(() => sessions.authenticate(ticket))).toBe('ERR_SESSIONS_REVOKED');
    }
    expect(checked()).toBe(0);
  });

  it('of a session that is for another agent is refused', async () => {
    const { sessions, clock } = parts;
    const { id } = await sessions.create('458RV');
    const ticket = await parts.signer.sign(goodClaims(clock.nowMs(), { jti: id, sub: '45A01' }));
    expect(await refusal(() => sessions.authenticate(ticket))).toBe('ERR_SESSIONS_REVOKED');
  });
});

describe('sessions', () => {
  it('are made for agents of this host alone', async () => {
    const { sessions, agents } = parts;
    agents.grant('45B02', { peer: OTHER_PEER });
    agents.grant('45C03', { retiredIndex: 5 });
    expect(await refusal(() => sessions.create('45D04'))).toBe('ERR_API_NOT_FOUND');
    expect(await refusal(() => sessions.create('45B02'))).toBe('ERR_SESSIONS_AGENT_GONE');
    expect(await refusal(() => sessions.create('45C03'))).toBe('ERR_SESSIONS_AGENT_GONE');
    expect(sessions.list()).toEqual([]);
  });

  it('are not made for an agent that is retired while its ticket is signed', async () => {
    const { sessions, agents } = parts;
    const made = refusal(() => sessions.create('458RV'));
    agents.grant('458RV', { retiredIndex: 5 });
    expect(await made).toBe('ERR_SESSIONS_AGENT_GONE');
    agents.grant('458RV');
    expect(sessions.list()).toEqual([]);
  });

  it('end that were made while the entry that ends them was on its way to the disk', async () => {
    const { sessions, agents, store, restart } = parts;
    const retired = entry('agent:retire', '458RV');
    const writes = sessions.writesFor(retired);
    const { ticket } = await sessions.create('458RV');
    await store.batch(writes);
    agents.grant('458RV', { retiredIndex: 5 });
    sessions.onApplied(retired);
    await expect.poll(() => keptIn(store)).toEqual([]);
    // Granted again: what was made before is not good again.
    agents.grant('458RV');
    for (const at of [sessions, await restart()]) {
      expect(await refusal(() => at.authenticate(ticket))).toBe('ERR_SESSIONS_REVOKED');
    }
  });

  it('are not handed out when they end while they are written', async () => {
    const { sessions, store, restart } = parts;
    const batch = store.batch.bind(store);
    let isFirst = true;
    store.batch = async (...args) => {
      const written = batch(...args);
      if (isFirst) {
        isFirst = false;
        sessions.onApplied(entry('agent:retire', '458RV'));
      }
      await written;
    };
    expect(await refusal(() => sessions.create('458RV'))).toBe('ERR_SESSIONS_AGENT_GONE');
    expect((await restart()).list()).toEqual([]);
  });

  it('are so many for an agent, made one by one or at once; expired ones make room', async () => {
    const { sessions, clock } = parts;
    const asked = Array.from({ length: LIMITS.sessionsPerAgentMax + 5 }, () =>
      refusal(() => sessions.create('458RV')),
    );
    const made = (await Promise.all(asked)).filter((it) => it === 'good');
    expect(made).toHaveLength(LIMITS.sessionsPerAgentMax);
    expect(await refusal(() => sessions.create('458RV'))).toBe('ERR_SESSIONS_TOO_MANY');
    expect(await refusal(() => sessions.create('45A01'))).toBe('good');
    clock.advance(30 * DAY_MS);
    expect(await refusal(() => sessions.create('458RV'))).toBe('good');
    expect(sessions.list()).toHaveLength(1);
  });

  it('are so many for a node', async () => {
    const { sessions, agents } = parts;
    for (let made = 0; made < LIMITS.sessionsMax; made += 1) {
      const token = `A${Math.floor(made / LIMITS.sessionsPerAgentMax)}`;
      agents.grant(token);
      await sessions.create(token);
    }
    expect(await refusal(() => sessions.create('458RV'))).toBe('ERR_SESSIONS_TOO_MANY');
  });

  it('leave nothing when the store does not take them', async () => {
    const { sessions, store } = parts;
    await store.close();
    expect(await refusal(() => sessions.create('458RV'))).toBe('ERR_STORAGE_NOT_OPEN');
    expect(sessions.list()).toEqual([]);
  });

  it('whose end could not be written can be revoked again, and are refused meanwhile', async () => {
    const { sessions, store, restart } = parts;
    const { ticket, id } = await sessions.create('458RV');
    await store.close();
    expect(await refusal(() => sessions.revoke(id))).toBe('ERR_STORAGE_NOT_OPEN');
    expect(await refusal(() => sessions.authenticate(ticket))).toBe('ERR_SESSIONS_REVOKED');
    await store.open();
    expect(await sessions.revoke(id)).toMatchObject({ id, agent: '458RV' });
    const again = await restart();
    expect(await refusal(() => again.authenticate(ticket))).toBe('ERR_SESSIONS_REVOKED');
  });

  it('wait for a state that is built anew, and are good again with it', async () => {
    const { agents, sessions, restart } = parts;
    const { ticket } = await sessions.create('458RV');
    const known = new Map(agents.records);
    agents.records.clear();
    const again = await restart();
    expect(await refusal(() => again.authenticate(ticket))).toBe('ERR_API_STARTING');
    expect(again.list()).toEqual([]);
    for (const [token, record] of known) agents.records.set(token, record);
    again.onReplaced();
    expect(await again.authenticate(ticket)).toBe('458RV');
  });

  it('of an agent that was granted again in a state taken as a whole are over', async () => {
    const { sessions, agents, store, restart } = parts;
    const gone = await sessions.create('458RV');
    const stays = await sessions.create('45A01');
    await sessions.authenticate(gone.ticket);
    // Both entries came with the state: nobody was told of either.
    agents.grant('458RV', { retiredIndex: 8 });
    agents.grant('458RV');
    sessions.onReplaced();
    for (const at of [sessions, await restart()]) {
      expect(await refusal(() => at.authenticate(gone.ticket))).toBe('ERR_SESSIONS_REVOKED');
      expect(await at.authenticate(stays.ticket)).toBe('45A01');
    }
    expect(await keptIn(store)).toEqual([stays.id]);
    expect((await sessions.create('458RV')).version).toBe(3);
  });

  it('of an earlier version of the program, which kept no version, stay', async () => {
    const { sessions, agents, store, restart } = parts;
    const { ticket, id, agent, createdMs, expiresMs } = await sessions.create('458RV');
    const value = encodeCanonical({ v: 1, agent, createdMs, expiresMs });
    await store.batch([{ namespace: 'session', key: id, value }]);
    agents.grant('458RV', { retiredIndex: 8 });
    agents.grant('458RV');
    expect(await (await restart()).authenticate(ticket)).toBe('458RV');
  });

  it('that ended are gone from the store at the next start', async () => {
    const { sessions, clock, agents, store, restart } = parts;
    await sessions.create('458RV');
    clock.advance(DAY_MS);
    const { id } = await sessions.create('45A01');
    await sessions.create('458RV');
    agents.grant('458RV', { retiredIndex: 8 });
    await restart();
    expect(await keptIn(store)).toEqual([id]);
  });
});
