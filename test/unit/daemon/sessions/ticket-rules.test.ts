import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTicket } from '../../../../daemon/sessions/ticket-rules.ts';
import { isCooeeError, LIMITS } from '../../../../protocols/interface/index.ts';
import { forge, goodClaims, HEADER, MESH, OTHER_PEER, PEER, refusal } from './fixture.ts';

const NOW_MS = 1_800_000_000_000;
const SCOPE = { peer: PEER, meshId: MESH };
const claims = goodClaims(NOW_MS);
const read = (ticket: string, nowMs = NOW_MS) => readTicket(ticket, SCOPE, nowMs);

describe('readTicket', () => {
  it('gives what a good one says', () => {
    expect(read(forge(HEADER, claims))).toEqual(claims);
  });

  it.each([
    ['no algorithm', { ...HEADER, alg: 'none' }, claims, 'algorithm'],
    ['a secret shared by all', { ...HEADER, alg: 'HS256' }, claims, 'algorithm'],
    ['another curve', { ...HEADER, alg: 'ES256' }, claims, 'algorithm'],
    ['its algorithm in other letters', { ...HEADER, alg: 'eddsa' }, claims, 'algorithm'],
    ['another type', { ...HEADER, typ: 'JWT' }, claims, 'type'],
    ['another key', { ...HEADER, kid: OTHER_PEER }, claims, 'key'],
    ['its own key with it', { ...HEADER, jwk: { kty: 'OKP' } }, claims, 'malformed'],
    ['a place to fetch a key from', { ...HEADER, jku: 'http://x' }, claims, 'malformed'],
    [
      'extensions that must be known',
      { ...HEADER, crit: ['b64'], b64: false },
      claims,
      'malformed',
    ],
    ['no type', { alg: 'EdDSA', kid: PEER }, claims, 'malformed'],
    ['another node as issuer', HEADER, { ...claims, iss: OTHER_PEER }, 'issuer'],
    ['another mesh', HEADER, { ...claims, aud: 'bafyreiother' }, 'mesh'],
    ['several meshes', HEADER, { ...claims, aud: [MESH, 'bafyreiother'] }, 'malformed'],
    ['a time before it was made', HEADER, { ...claims, iat: claims.iat + 61 }, 'early'],
    ['no end', HEADER, { ...claims, exp: undefined }, 'malformed'],
    ['an end that is text', HEADER, { ...claims, exp: '9' }, 'malformed'],
    ['a field more', HEADER, { ...claims, admin: true }, 'malformed'],
    ['a name without end', HEADER, { ...claims, sub: 'x'.repeat(129) }, 'malformed'],
    ['no JSON', 'EdDSA', claims, 'malformed'],
    ['a list', [HEADER], claims, 'malformed'],
  ])('refuses one with %s', async (_what, header, said, reason) => {
    expect(await refusal(() => read(forge(header, said)))).toBe(`ERR_SESSIONS_TICKET ${reason}`);
  });

  it('is good from a minute before it was made until its end, to the millisecond', async () => {
    const { iat, exp } = claims;
    const ticket = forge(HEADER, claims);
    expect(await refusal(() => read(ticket, iat * 1000 - 60_000))).toBe('good');
    expect(await refusal(() => read(ticket, iat * 1000 - 60_001))).toContain('early');
    expect(await refusal(() => read(ticket, exp * 1000 - 1))).toBe('good');
    expect(await refusal(() => read(ticket, exp * 1000))).toBe('ERR_SESSIONS_EXPIRED');
  });

  it.each([
    ['nothing', ''],
    ['dots', '..'],
    ['two parts', forge(HEADER, claims).split('.').slice(0, 2).join('.')],
    ['a part more', `${forge(HEADER, claims)}.x`],
    ['no signature', forge(HEADER, claims, '')],
    ['half a signature', forge(HEADER, claims, 'A'.repeat(43))],
    ['white space', ` ${forge(HEADER, claims)}`],
    ['too much', forge(HEADER, { ...claims, sub: 'x'.repeat(LIMITS.ticketBytesMax) })],
  ])('refuses %s', async (_what, ticket) => {
    expect(await refusal(() => read(ticket))).toBe('ERR_SESSIONS_TICKET malformed');
  });

  it('throws nothing else, whatever comes, and never shows what came', () => {
    const part = fc.oneof(fc.string(), fc.json());
    fc.assert(
      fc.property(part, part, (header, said) => {
        const ticket = forge(header, said);
        try {
          read(ticket);
          expect.unreachable();
        } catch (error) {
          expect(isCooeeError(error, 'ERR_SESSIONS_TICKET')).toBe(true);
          expect(JSON.stringify((error as { toView(): unknown }).toView())).not.toContain(ticket);
        }
      }),
    );
  });
});
