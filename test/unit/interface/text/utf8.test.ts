import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKeptByUtf8, isWithinUtf8 } from '../../../../protocols/interface/text/utf8.ts';
import { anyCharacter } from '../../any-character.ts';

describe('isWithinUtf8', () => {
  it('says of any text what its encoding says', () => {
    const texts = fc.oneof(fc.string({ unit: anyCharacter }), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(texts, fc.nat({ max: 40 }), (text, bytesMax) => {
        const { length } = new TextEncoder().encode(text);
        expect(isWithinUtf8(text, bytesMax)).toBe(length <= bytesMax);
      }),
    );
  });

  it('counts bytes, not characters', () => {
    expect(isWithinUtf8('\u00e9'.repeat(5), 10)).toBe(true);
    expect(isWithinUtf8('\u00e9'.repeat(5), 9)).toBe(false);
    // A lone surrogate is encoded as the replacement character.
    expect(isWithinUtf8('\ud800', 3)).toBe(true);
    expect(isWithinUtf8('\ud800', 2)).toBe(false);
  });
});

describe('isKeptByUtf8', () => {
  it('says whether a text comes out as it went in', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        const bytes = new TextEncoder().encode(text);
        expect(isKeptByUtf8(text)).toBe(new TextDecoder().decode(bytes) === text);
      }),
    );
    const texts = ['', 'a\ufeff', '\ufeff', '\ufeffa', 'a\ud800', '\udc00'];
    expect(texts.map(isKeptByUtf8)).toEqual([true, true, false, false, false, false]);
  });
});
