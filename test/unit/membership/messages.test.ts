import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addBody,
  bootBody,
  decodeJoinRequest,
  decodeJoinResponse,
  encodeJoinRequest,
  encodeJoinResponse,
  issueBody,
  type JoinRequest,
  levelsSchema,
  settingsBody,
} from '../../../protocols/membership/index.ts';
import { encodeCanonical } from '../../../protocols/wire/index.ts';
import { addBodyOf, keyOf, MESH, nonceOf, STRANGER } from './mesh-fixture.ts';

const PRESENT = {
  v: 1,
  kind: 'present',
  mesh: MESH,
  addedIndex: 3,
  boot: 2,
  bootNonce: nonceOf('a'),
  signature: new Uint8Array(64).fill(7),
} as const;
const { signature: _signature, ...unsigned } = PRESENT;
const { peer: _peer, ...guest } = addBodyOf(STRANGER, 9);
const REDEEM: JoinRequest = { v: 1, kind: 'redeem', mesh: MESH, logIndex: 7, ...guest };

describe('the messages of the join protocol', () => {
  it.each([PRESENT, REDEEM])('round-trip: $kind', (request) => {
    expect(decodeJoinRequest(encodeJoinRequest(request))).toEqual(request);
  });

  it('answer with the index', () => {
    expect(decodeJoinResponse(encodeJoinResponse(12))).toEqual({
      v: 1,
      kind: 'admitted',
      index: 12,
    });
  });

  it.each<[string, unknown, string]>([
    ['another kind', { ...PRESENT, kind: 'other' }, 'ERR_WIRE_MALFORMED'],
    ['the kind of a prototype', { ...PRESENT, kind: '__proto__' }, 'ERR_WIRE_MALFORMED'],
    ['no kind', { v: 1 }, 'ERR_WIRE_MALFORMED'],
    ['a later version', { ...PRESENT, v: 2 }, 'ERR_WIRE_VERSION'],
    ['an upper-case nonce', { ...PRESENT, bootNonce: nonceOf('A') }, 'ERR_WIRE_MALFORMED'],
    ['a short signature', { ...PRESENT, signature: new Uint8Array(63) }, 'ERR_WIRE_MALFORMED'],
    ['no signature', unsigned, 'ERR_WIRE_MALFORMED'],
    ['a field of the other kind', { ...PRESENT, proof: new Uint8Array(1) }, 'ERR_WIRE_MALFORMED'],
    ['a long proof', { ...REDEEM, proof: new Uint8Array(513) }, 'ERR_WIRE_MALFORMED'],
    ['no index', { ...REDEEM, logIndex: -1 }, 'ERR_WIRE_MALFORMED'],
    ['too many bytes', { ...REDEEM, name: 'a'.repeat(8192) }, 'ERR_WIRE_TOO_LARGE'],
  ])('refuse %s', (_what, value, code) => {
    expect(() => decodeJoinRequest(encodeCanonical(value))).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('refuse random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeJoinRequest(bytes)).toThrow(
          expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' }),
        );
      }),
    );
  });

  it('have room for the largest request', () => {
    const addresses = new Array(16).fill(`/${'a'.repeat(255)}`);
    const request = { ...REDEEM, addresses, name: 'é'.repeat(127), proof: new Uint8Array(512) };
    expect(decodeJoinRequest(encodeJoinRequest(request))).toEqual(request);
  });
});

describe('the bodies of commands', () => {
  it.each([
    [[1, 1], true],
    [[1, 255], true],
    [[2, 1], false],
    [[0, 1], false],
    [[1, 256], false],
    [[1, -5], false],
    [[1, 1.5], false],
    [[1], false],
    [[1, 2, 3], false],
  ])('levels %j: %s', (levels, isValid) => {
    expect(levelsSchema.safeParse(levels).success).toBe(isValid);
  });

  it('bound what they hold', () => {
    const issue = { key: keyOf(1).publicKey, role: 'member', uses: 1, expiresMs: 1 };
    expect(issueBody.safeParse(issue).success).toBe(true);
    for (const uses of [0, -1, 1001, 1.5]) {
      expect(issueBody.safeParse({ ...issue, uses }).success).toBe(false);
    }
    expect(issueBody.safeParse({ ...issue, role: 'owner' }).success).toBe(false);
    expect(addBody.safeParse(addBodyOf(STRANGER, 9)).success).toBe(true);
    expect(addBody.safeParse({ ...addBodyOf(STRANGER, 9), role: 'admin' }).success).toBe(false);
    const boot = { boot: 0, bootNonce: nonceOf('a'), name: 'a', addresses: [], levels: [1, 1] };
    expect(bootBody.safeParse(boot).success).toBe(false);
    expect(settingsBody.safeParse({ votersTarget: 2 }).success).toBe(false);
    expect(settingsBody.safeParse({}).success).toBe(true);
  });
});
