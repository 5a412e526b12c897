import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  sanitizeLine,
  sanitizeText,
  sanitizeValue,
  toSafeJson,
} from '../../../../protocols/interface/text/sanitize.ts';
import { anyCharacter } from '../../any-character.ts';

interface Vector {
  readonly why: string;
  readonly text: string;
  readonly line: string;
  readonly lines?: string;
}

const file = new URL('../../../vectors/safe-text.json', import.meta.url);
const vectors = (JSON.parse(readFileSync(file, 'utf8')) as { texts: Vector[] }).texts;

/** Written out by code points, apart from the classes that the product uses. */
const FORBIDDEN: readonly (readonly [from: number, to: number])[] = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfdd0, 0xfdef],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0xfffe, 0xffff],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
];
const forbidden = (text: string): string[] =>
  [...text]
    .filter((symbol) => FORBIDDEN.some(([from, to]) => isWithin(symbol, from, to)))
    .map((symbol) => symbol.codePointAt(0)!.toString(16));
const isWithin = (symbol: string, from: number, to: number): boolean => {
  const point = symbol.codePointAt(0)!;
  return point >= from && point <= to;
};

/** Text that is made of what is dangerous, so that a property finds more than noise. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: anyCharacter, maxLength: 4 }),
      fc.constantFrom('\u001b', '\u009b', '\u009d', '\u0090', '\u009c', '\u0007', '\r', '\n', '\t'),
      fc.constantFrom('[', ']', 'P', '^', '_', '\\', ';', '31m', '0', '(', 'B', ' '),
      fc.constantFrom('\u202e', '\u200b', '\u200d', '\ufe0f', '\u{e0041}', '\ud800', '\udc00'),
      fc
        .constantFrom(...FORBIDDEN)
        .chain(([min, max]) => fc.integer({ min, max }))
        .map((point) => String.fromCodePoint(point)),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

describe('sanitizeLine and sanitizeText', () => {
  it.each(vectors)('$why', ({ text, line, lines = line }) => {
    expect(sanitizeLine(text)).toBe(line);
    expect(sanitizeText(text)).toBe(lines);
  });

  it('put U+FFFD in place of half a surrogate pair', () => {
    expect(sanitizeText('a\ud800b\udc00')).toBe('a\ufffdb\ufffd');
    expect(sanitizeLine('\ud83d')).toBe('\ufffd');
  });

  it('let no forbidden code point through, whatever comes', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(forbidden(sanitizeText(text))).toEqual([]);
        expect(sanitizeLine(text)).not.toMatch(/[\n\t]/);
        expect(forbidden(sanitizeLine(text))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('take out every forbidden code point by itself', () => {
    for (const [from, to] of FORBIDDEN.filter(([start]) => start < 0xd800 || start > 0xdfff)) {
      for (let point = from; point <= to; point += 1) {
        // No letter follows that could end a sequence.
        const shown = sanitizeText(`a${String.fromCodePoint(point)}é`);
        expect(['aé', 'a\né']).toContain(shown);
      }
    }
  });

  it('change nothing more the second time', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(sanitizeText(sanitizeText(text))).toBe(sanitizeText(text));
        expect(sanitizeLine(sanitizeLine(text))).toBe(sanitizeLine(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it('leave letters, marks, numbers, punctuation and symbols of all scripts as they are', () => {
    // Default_Ignorable: a few fillers are letters or marks to Unicode, and are not seen.
    const seen = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u;
    const ignored = /\p{Default_Ignorable_Code_Point}/u;
    for (let point = 0x20; point < 0x30000; point += 1) {
      const symbol = String.fromCodePoint(point);
      if (seen.test(symbol) && !ignored.test(symbol)) expect(sanitizeText(symbol)).toBe(symbol);
    }
  });

  it.each([
    ['strings that never end', '\u001b]0;'],
    ['eight-bit strings that never end', '\u009d0'],
    ['parameters without an end', '\u009b1;'],
    ['escapes and nothing else', '\u001b'],
  ])('take linear time: %s', (_name, part) => {
    const secondsFor = (count: number): number => {
      const text = part.repeat(count);
      const begin = performance.now();
      sanitizeText(text);
      return performance.now() - begin;
    };
    secondsFor(1_000);
    // Quadratic, half a million of them would take many minutes.
    expect(secondsFor(500_000)).toBeLessThan(5_000);
  });
});

describe('sanitizeValue', () => {
  it('goes through lists, fields and their names, and leaves the rest', () => {
    const value = { 'na\u200bme': ['a\u001b[31mb', 1, null, true], deep: { x: 'c\u202ed' } };
    expect(sanitizeValue(value)).toEqual({ name: ['ab', 1, null, true], deep: { x: 'cd' } });
  });

  it('makes no prototype of a field of that name', () => {
    const value = JSON.parse('{"__proto__":{"admin":true}}') as object;
    expect(Object.getPrototypeOf(sanitizeValue(value))).toBe(Object.prototype);
  });
});

describe('toSafeJson', () => {
  it('escapes what could steer a terminal and stays the same value', () => {
    const value = { name: 'a\u009b31m\u202e\u200b\u{e0041}\u2028', list: ['\n'] };
    const text = toSafeJson(value, 2);
    expect(text).toContain('a\\u009b31m\\u202e\\u200b\\udb40\\udc41\\u2028');
    expect(JSON.parse(text)).toEqual(value);
  });

  it('is JSON of the same value for any value, with nothing forbidden in it', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(JSON.parse(toSafeJson({ text }))).toEqual({ text });
        expect(forbidden(toSafeJson({ text }))).toEqual([]);
      }),
    );
  });
});
