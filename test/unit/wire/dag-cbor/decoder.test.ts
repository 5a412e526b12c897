import { isDeepStrictEqual } from 'node:util';
import * as dagCbor from '@ipld/dag-cbor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePlain } from '../../../../protocols/wire/dag-cbor/decoder.ts';
import { encodePlain } from '../../../../protocols/wire/dag-cbor/encoder.ts';
import { anyCharacter } from '../../any-character.ts';

// Goal: the same bytes as the general codec makes, and of its language exactly what it would write
// again as it was. Method: side by side over plain values, over random bytes, and over encodings
// with a byte or two changed.

const texts = fc
  .oneof(
    fc.string({ maxLength: 80 }),
    fc.string({ unit: 'grapheme', maxLength: 80 }),
    fc.string({ unit: anyCharacter, maxLength: 300 }),
    fc.nat(70_000).map((length) => 'é'.repeat(length % 300) + 'x'.repeat(length % 70)),
  )
  .filter((text) => text.isWellFormed() && !text.startsWith('\ufeff') && text !== '__proto__');
const integers = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.constantFrom(23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
  fc.constantFrom(0, -0, -1, -24, -25, -256, -257, -(2 ** 32), -(2 ** 32) - 1, -(2 ** 53) + 1),
);
const leaves = fc.oneof(
  integers,
  texts,
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 300 }),
);
const plainValues = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    leaves,
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(texts, tie('value'), { maxKeys: 30, noNullPrototype: false }),
  ),
})).value;

/** What is neither plain nor would be written as it was. */
const REFUSED = Symbol('refused');

/** The general codec, and the two rules that it lacks: plain values only, and as it writes them. */
function reference(bytes: Uint8Array): unknown {
  try {
    const value: unknown = dagCbor.decode(bytes);
    encodePlain(value);
    return Buffer.compare(dagCbor.encode(value), bytes) === 0 ? value : REFUSED;
  } catch {
    return REFUSED;
  }
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decodePlain(bytes);
  } catch (error) {
    if (error instanceof TypeError) return REFUSED;
    throw error;
  }
}

/** The general comparison takes each byte for a property: it is asked only for what differs. */
function expectSame(a: unknown, b: unknown): void {
  if (!isDeepStrictEqual(a, b)) expect(a).toEqual(b);
  expect(isDeepStrictEqual(a, b)).toBe(true);
}

describe('the codec of plain values', () => {
  it('writes what the general one writes, and reads it back', () => {
    fc.assert(
      fc.property(plainValues, (value) => {
        const bytes = encodePlain(value);
        expectSame(bytes, Uint8Array.from(dagCbor.encode(value)));
        expectSame(decodePlain(bytes), dagCbor.decode(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('reads of random bytes what the general one would write again', () => {
    const heads = fc.uint8Array({ maxLength: 12 });
    fc.assert(
      fc.property(heads, (bytes) => {
        expectSame(decoded(bytes), reference(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('reads of damaged encodings what the general one would write again', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 });
    fc.assert(
      fc.property(plainValues, damage, fc.nat(3), (value, changes, cut) => {
        const whole = encodePlain(value);
        const bytes = whole.slice(0, whole.length - Math.min(cut, whole.length - 1));
        for (const [place, byte] of changes) bytes[place % bytes.length] = byte;
        expectSame(decoded(bytes), reference(bytes));
      }),
      { numRuns: 1500 },
    );
  });

  it.each([
    ['a byte string', 0x5b],
    ['a text', 0x7b],
    ['a list', 0x9b],
    ['a map', 0xbb],
  ])('keeps no room for %s that only says to be long', (_what, head) => {
    const bytes = Uint8Array.from([head, 0, 0, 0, 1, 0, 0, 0, 0]);
    expect(() => decodePlain(bytes)).toThrow('ends too soon');
  });

  it('gives bytes that are their own', () => {
    const input = Buffer.from(encodePlain({ a: Uint8Array.of(1, 2) }));
    const { a } = decodePlain(input) as { a: Uint8Array };
    input.fill(0);
    expect(a).toEqual(Uint8Array.of(1, 2));
    expect(a.buffer.byteLength).toBe(2);
  });

  it('gives bytes that the next value does not change', () => {
    const first = encodePlain('first');
    const copy = first.slice();
    encodePlain('other');
    expect(first).toEqual(copy);
  });

  it('writes values that are larger than the room it keeps', () => {
    const value = { list: Array.from({ length: 40 }, (_, n) => new Uint8Array(60_000).fill(n)) };
    expect(decodePlain(encodePlain(value))).toEqual(value);
    const text = 'é'.repeat(500_000);
    expect(encodePlain({ text })).toEqual(Uint8Array.from(dagCbor.encode({ text })));
  });

  it('is not confused by a value that it refused', () => {
    expect(() => encodePlain({ a: [1, undefined] })).toThrow(TypeError);
    expect(encodePlain({ a: 1 })).toEqual(Uint8Array.from(dagCbor.encode({ a: 1 })));
    expect(() => decodePlain(Uint8Array.of(0x82, 1))).toThrow(TypeError);
    expect(decodePlain(encodePlain([1, 2]))).toEqual([1, 2]);
  });
});

describe('what is built to be expensive', () => {
  it.each([
    ['lists in lists', 0x81],
    ['maps in maps', 0xa1],
  ])('is refused at the seventeenth level: %s', (_what, head) => {
    const level = head === 0x81 ? [head] : [head, 0x61, 0x61];
    const nested = (depth: number) =>
      Uint8Array.from([...Array.from({ length: depth }, () => level).flat(), 0xf6]);
    expect(decodePlain(nested(16))).toEqual(dagCbor.decode(nested(16)));
    expect(() => decodePlain(nested(17))).toThrow('too deeply');
    expect(() => decodePlain(nested(300_000))).toThrow('too deeply');
  });

  it('takes the time of its bytes: many empty lists, many short keys', () => {
    const count = 200_000;
    const lists = new Uint8Array(count + 5).fill(0x80);
    lists.set([0x9a, count >>> 24, count >>> 16, count >>> 8, count]);
    expect(decodePlain(lists)).toHaveLength(count);
    const keys = Array.from({ length: 20_000 }, (_, i) => [`k${i + 10_000}`, i] as const);
    const map = encodePlain(Object.fromEntries(keys));
    expect(Object.keys(decodePlain(map) as object)).toHaveLength(keys.length);
  });
});
