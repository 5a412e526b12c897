import * as dagCbor from '@ipld/dag-cbor';
import fc from 'fast-check';
import { CID } from 'multiformats/cid';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import {
  decodeAs,
  decodeCanonical,
  encodeCanonical,
  equalBytes,
} from '../../../protocols/wire/canonical.ts';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const codeOf = (task: () => unknown): string => {
  try {
    task();
    return 'nothing thrown';
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
};

const texts = fc
  .string({ unit: 'grapheme' })
  .filter((text) => text.isWellFormed() && !text.startsWith('\ufeff') && text !== '__proto__');
const leaves = fc.oneof(
  fc.maxSafeInteger(),
  texts,
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 20 }),
);
const plainValues = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    leaves,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(texts, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

/** `levels` lists around the number 1. */
const nested = (levels: number): Uint8Array => {
  const encoded = new Uint8Array(levels + 1).fill(0x81);
  encoded[levels] = 1;
  return encoded;
};

describe('encodeCanonical and decodeCanonical', () => {
  it('round-trip every plain value', () => {
    fc.assert(
      fc.property(plainValues, (value) => {
        const encoded = encodeCanonical(value);
        const decoded = decodeCanonical(encoded, 1_000_000);
        expect(decoded).toEqual(value);
        expect(encodeCanonical(decoded)).toEqual(encoded);
      }),
      { numRuns: 300 },
    );
  });

  it('give one encoding whatever the order of the fields', () => {
    const encoded = encodeCanonical({ bb: 1, a: 2, c: 3 });
    expect(encodeCanonical({ c: 3, a: 2, bb: 1 })).toEqual(encoded);
    expect(encoded).toEqual(bytes('a3 6161 02 6163 03 626262 01'));
  });

  it.each([
    ['fields in the wrong order', 'a2 6162 01 6161 02'],
    ['a longer field before a shorter', 'a2 626161 01 6162 02'],
    ['a field twice', 'a2 6161 01 6161 02'],
    ['a field twice with one value', 'a2 6161 01 6161 01'],
    ['the float 1.0 in 64 bits', 'fb 3ff0000000000000'],
    ['the float 1.0 in 32 bits', 'fa 3f800000'],
    ['the float 1.0 in 16 bits', 'f9 3c00'],
    ['the float 1.5', 'fb 3ff8000000000000'],
    ['minus zero', 'fb 8000000000000000'],
    ['not a number', 'fb 7ff8000000000000'],
    ['infinity', 'fb 7ff0000000000000'],
    ['a number in too many bytes', '18 01'],
    ['a number above the safe integers', '1b 0020000000000000'],
    ['a number below the safe integers', '3b 0020000000000000'],
    ['the number 2^64-1', '1b ffffffffffffffff'],
    ['undefined', 'f7'],
    ['a simple value', 'e0'],
    ['trailing bytes', '01 00'],
    ['nothing', ''],
    ['half a text', '65 6162'],
    ['half a map', 'a2 6161 01'],
    ['half a list', '82 01'],
    ['a list of 2^53 items', '9b 001fffffffffffff 01'],
    ['bytes of 2^32-1', '5a ffffffff 01'],
    ['an indefinite list', '9f 01 ff'],
    ['an indefinite map', 'bf 6161 01 ff'],
    ['indefinite bytes', '5f 41 01 ff'],
    ['an indefinite text', '7f 61 61 ff'],
    ['a lone break', 'ff'],
    ['a date tag', 'c1 01'],
    ['a bignum tag', 'c2 41 01'],
    ['a number as a field name', 'a1 01 01'],
    ['bytes as a field name', 'a1 41 01 01'],
    ['broken UTF-8', '62 c328'],
    ['a surrogate in UTF-8', '63 eda080'],
    ['a text that begins with a byte order mark', '64 efbbbf61'],
    ['a field name of a prototype', `a1 69 ${Buffer.from('__proto__').toString('hex')} a1 6161 01`],
  ])('refuse %s', (_what, hex) => {
    expect(codeOf(() => decodeCanonical(bytes(hex), 1000))).toBe('ERR_WIRE_MALFORMED');
  });

  it('refuse a CID: our messages carry ids as text', () => {
    const cid = CID.parse('bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy');
    const encoded = dagCbor.encode({ a: cid });
    expect(codeOf(() => decodeCanonical(encoded, 1000))).toBe('ERR_WIRE_MALFORMED');
    expect(codeOf(() => encodeCanonical({ a: cid }))).toBe('ERR_WIRE_MALFORMED');
  });

  it('leave every prototype alone', () => {
    const hexOf = (text: string) => Buffer.from(text).toString('hex');
    const hex = `a1 69 ${hexOf('__proto__')} a1 65 ${hexOf('admin')} f5`;
    expect(codeOf(() => decodeCanonical(bytes(hex), 1000))).toBe('ERR_WIRE_MALFORMED');
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
    for (const key of ['constructor', 'toString', 'hasOwnProperty']) {
      const value = { [key]: { prototype: 1 } };
      expect(decodeCanonical(encodeCanonical(value), 1000)).toEqual(value);
    }
  });

  it.each([
    ['undefined', undefined],
    ['a field that is undefined', { a: undefined }],
    ['a hole in a list', Array(2)],
    ['a float', 1.5],
    ['a number above the safe integers', 2 ** 53],
    ['not a number', Number.NaN],
    ['a bigint', 1n],
    ['a date', new Date(0)],
    ['a map', new Map([['a', 1]])],
    ['a set', new Set([1])],
    ['16-bit numbers', new Uint16Array(2)],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['an error', new Error('a')],
    ['half a surrogate pair', '\ud800'],
    ['half a surrogate pair in a field name', { '\ud800': 1 }],
    ['a text that begins with a byte order mark', '\ufeffname'],
    ['a field name of a prototype', JSON.parse('{"__proto__": 1}')],
  ])('refuse to encode %s', (_what, value) => {
    expect(codeOf(() => encodeCanonical(value))).toBe('ERR_WIRE_MALFORMED');
    expect(codeOf(() => encodeCanonical({ deep: [value] }))).toBe('ERR_WIRE_MALFORMED');
  });

  it('take what looks like a CID for the map that it is', () => {
    const value = { '/': 'a', bytes: 'a', version: 1, code: 113, multihash: {} };
    expect(decodeCanonical(encodeCanonical(value), 1000)).toEqual(value);
  });

  it('refuse a ring', () => {
    const ring: { self?: unknown } = {};
    ring.self = ring;
    expect(codeOf(() => encodeCanonical(ring))).toBe('ERR_WIRE_MALFORMED');
  });

  it('allow sixteen levels and no more, without a word from the stack', () => {
    expect(codeOf(() => decodeCanonical(nested(16), 1000))).toBe('nothing thrown');
    for (const levels of [17, 1000, 1_000_000]) {
      expect(codeOf(() => decodeCanonical(nested(levels), 2_000_000))).toBe('ERR_WIRE_MALFORMED');
    }
  });

  it('refuse what is too long before they look at it', () => {
    const encoded = encodeCanonical('abc');
    expect(decodeCanonical(encoded, encoded.length)).toBe('abc');
    expect(codeOf(() => decodeCanonical(encoded, encoded.length - 1))).toBe('ERR_WIRE_TOO_LARGE');
    expect(codeOf(() => decodeCanonical(new Uint8Array(100).fill(0xff), 99))).toBe(
      'ERR_WIRE_TOO_LARGE',
    );
  });

  it('answer random bytes with a typed error or a value that encodes to them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (random) => {
        const code = codeOf(() =>
          expect(encodeCanonical(decodeCanonical(random, 40))).toEqual(random),
        );
        expect(['nothing thrown', 'ERR_WIRE_MALFORMED']).toContain(code);
      }),
      { numRuns: 2000 },
    );
  });

  it('accept no second encoding: one changed bit is another value or refused', () => {
    const encoded = encodeCanonical({ a: 1, b: [ascii('x'), 'text', null, true], v: 1 });
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const changed = encoded.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      const code = codeOf(() =>
        expect(encodeCanonical(decodeCanonical(changed, 99))).toEqual(changed),
      );
      expect(['nothing thrown', 'ERR_WIRE_MALFORMED']).toContain(code);
    }
  });
});

describe('decodeAs', () => {
  const schema = z.strictObject({ v: z.literal(1), name: z.string().max(5) });
  const decode = (value: unknown) => decodeAs(schema, encodeCanonical(value), 100_000);

  it('gives what the schema allows', () => {
    expect(decode({ v: 1, name: 'a' })).toEqual({ v: 1, name: 'a' });
  });

  it('gives what the schema makes of it', () => {
    const named = z.strictObject({ v: z.literal(1), name: z.string().default('nobody') });
    expect(decodeAs(named, encodeCanonical({ v: 1 }), 100)).toEqual({ v: 1, name: 'nobody' });
  });

  it.each([
    ['a later version', { v: 2, name: 'a' }, 'ERR_WIRE_VERSION'],
    ['a later version of another form', { v: 9, other: [1] }, 'ERR_WIRE_VERSION'],
    ['version 0', { v: 0, name: 'a' }, 'ERR_WIRE_MALFORMED'],
    ['a negative version', { v: -1, name: 'a' }, 'ERR_WIRE_MALFORMED'],
    ['a version that is a text', { v: '2', name: 'a' }, 'ERR_WIRE_MALFORMED'],
    ['no version', { name: 'a' }, 'ERR_WIRE_MALFORMED'],
    ['no map', [1, 2], 'ERR_WIRE_MALFORMED'],
    ['null', null, 'ERR_WIRE_MALFORMED'],
    ['an unknown field', { v: 1, name: 'a', more: 1 }, 'ERR_WIRE_MALFORMED'],
    ['a wrong field', { v: 1, name: 1 }, 'ERR_WIRE_MALFORMED'],
  ])('refuses %s', (_what, value, code) => {
    expect(codeOf(() => decode(value))).toBe(code);
  });

  it('names the field that is wrong', () => {
    expect(() => decode({ v: 1, name: 'abcdef' })).toThrow(/field name/);
  });

  it("bounds what it quotes of a peer's words", () => {
    const strange = thrownBy(() => decode({ v: 1, name: 'a', ['k'.repeat(50_000)]: 1 }));
    expect(strange.code).toBe('ERR_WIRE_MALFORMED');
    expect(strange.message.length).toBeLessThan(500);
    const map = z.record(z.string(), z.number());
    const wrong = encodeCanonical({ ['k'.repeat(50_000)]: 'x' });
    const named = thrownBy(() => decodeAs(map, wrong, 100_000));
    expect(named.code).toBe('ERR_WIRE_MALFORMED');
    expect(JSON.stringify(named).length + named.message.length).toBeLessThan(1500);
  });

  /** What it threw; what else it gave is no CooeeError. */
  function thrownBy(task: () => unknown): CooeeError {
    try {
      return task() as CooeeError;
    } catch (error) {
      return error as CooeeError;
    }
  }
});

describe('equalBytes', () => {
  it('is equality', () => {
    const short = fc.uint8Array({ maxLength: 3, max: 2 });
    fc.assert(
      fc.property(short, short, (a, b) => {
        expect(equalBytes(a, b)).toBe(Buffer.from(a).equals(Buffer.from(b)));
      }),
    );
  });
});
