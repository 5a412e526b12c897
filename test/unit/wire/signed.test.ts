import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { nodeCrypto, peerOfKey, seedKey } from '../../../daemon/system/crypto.ts';
import { encodeCanonical } from '../../../protocols/wire/canonical.ts';
import {
  assertSignedBy,
  decodeSigned,
  encodeSigned,
  isSignedBy,
  type SignedKind,
  signingInput,
} from '../../../protocols/wire/signed.ts';

const KINDS: readonly SignedKind[] = [
  'batch',
  'blocks',
  'claim',
  'gossip',
  'head',
  'invite-proof',
  'start',
];
const schema = z.strictObject({ v: z.literal(1), text: z.string() });
const key = seedKey(new Uint8Array(32).fill(7));
const peer = peerOfKey(key.publicKey);
const { verify } = nodeCrypto;

const accepts = (bytes: Uint8Array, kind: SignedKind): boolean => {
  try {
    return isSignedBy(verify, kind, peer, decodeSigned(schema, bytes, 1000));
  } catch {
    return false;
  }
};

describe('signed bytes', () => {
  it('are taken apart as they were put together', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 50 }), (text) => {
        const signed = decodeSigned(schema, encodeSigned(key, 'gossip', { v: 1, text }), 1000);
        expect(signed.value).toEqual({ v: 1, text });
        expect(isSignedBy(verify, 'gossip', peer, signed)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it.each(KINDS)('of the kind %s are of no other kind', (kind) => {
    const bytes = encodeSigned(key, kind, { v: 1, text: 'a' });
    expect(KINDS.filter((other) => accepts(bytes, other))).toEqual([kind]);
  });

  it('have inputs that never run into each other', () => {
    const bodies = [{}, { v: 1 }, { text: '' }].map((body) => encodeCanonical(body));
    const inputs = KINDS.flatMap((kind) => bodies.map((body) => signingInput(kind, body)));
    const texts = inputs.map((input) => Buffer.from(input).toString('latin1'));
    expect(new Set(texts).size).toBe(texts.length);
    for (const a of KINDS) {
      for (const b of KINDS)
        expect(a !== b && `cooee/${a}/1`.startsWith(`cooee/${b}/1`)).toBe(false);
    }
  });

  it('are refused with one bit flipped anywhere', () => {
    const bytes = encodeSigned(key, 'head', { v: 1, text: 'abc' });
    expect(accepts(bytes, 'head')).toBe(true);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(accepts(changed, 'head')).toBe(false);
    }
  });

  it('are refused when cut or continued', () => {
    const bytes = encodeSigned(key, 'head', { v: 1, text: 'abc' });
    for (let length = 0; length < bytes.length; length++) {
      expect(accepts(bytes.slice(0, length), 'head')).toBe(false);
    }
    expect(accepts(Uint8Array.of(...bytes, 0), 'head')).toBe(false);
  });

  it('are refused when another signed them', () => {
    const other = seedKey(new Uint8Array(32).fill(8));
    const signed = decodeSigned(schema, encodeSigned(other, 'head', { v: 1, text: 'a' }), 1000);
    expect(isSignedBy(verify, 'head', peer, signed)).toBe(false);
    expect(() => assertSignedBy(verify, 'head', peer, signed)).toThrow(
      expect.objectContaining({ code: 'ERR_SLURP_SIGNATURE', details: { kind: 'head', peer } }),
    );
    expect(() => assertSignedBy(verify, 'head', peerOfKey(other.publicKey), signed)).not.toThrow();
  });

  it('hold the body to its limit to the byte', () => {
    const body = (length: number) => ({ v: 1, text: 'a'.repeat(length) });
    const limit = encodeCanonical(body(500)).length;
    const decode = (length: number) =>
      decodeSigned(schema, encodeSigned(key, 'batch', body(length)), limit).value;
    expect(decode(500)).toEqual(body(500));
    expect(() => decode(501)).toThrow(expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' }));
    expect(() => decode(700)).toThrow(expect.objectContaining({ code: 'ERR_WIRE_TOO_LARGE' }));
  });

  it('tell a later version apart, inside and outside', () => {
    const inner = encodeSigned(key, 'batch', { v: 2, other: 1 });
    const outer = encodeCanonical({ v: 2, b: new Uint8Array(1) });
    for (const bytes of [inner, outer]) {
      expect(() => decodeSigned(schema, bytes, 1000)).toThrow(
        expect.objectContaining({ code: 'ERR_WIRE_VERSION' }),
      );
    }
  });

  it('need a body in canonical form', () => {
    const b = Uint8Array.of(0xa2, 0x61, 0x76, 0x18, 0x01, 0x64, 0x74, 0x65, 0x78, 0x74, 0x60);
    const bytes = encodeCanonical({ b, s: key.sign(signingInput('batch', b)) });
    expect(() => decodeSigned(schema, bytes, 1000)).toThrow(
      expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' }),
    );
  });
});
