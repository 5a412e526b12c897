import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sanitizeLine, sanitizeText, toSafeJson } from '../../../../daemon/cli/sanitize.ts';

const rows = [
  { id: 'colour', text: 'a\u001b[31mred\u001b[0m', line: 'ared' },
  { id: 'title sequence', text: 'a\u001b]0;pwned\u0007b', line: 'ab' },
  { id: 'eight-bit CSI', text: 'a\u009b31mb', line: 'ab' },
  { id: 'carriage return that overwrites', text: 'bad\rgood', line: 'badgood' },
  { id: 'backspace, bell, delete', text: 'a\b\u0007\u007fb', line: 'ab' },
  { id: 'right-to-left override', text: 'exe.\u202etxt', line: 'exe.txt' },
  { id: 'isolates', text: 'a\u2066b\u2069c', line: 'abc' },
  { id: 'zero width', text: 'al\u200bpha\u200d\ufeff', line: 'alpha' },
  { id: 'tag characters', text: 'a\u{e0041}b', line: 'ab' },
  { id: 'line breaks', text: 'one\r\ntwo\u2028three\tfour', line: 'one two three four' },
  { id: 'lone surrogate', text: 'a\ud800b', line: 'a\ufffdb' },
  { id: 'honest text', text: 'Zoë’s 模型 (70b) – 日本', line: 'Zoë’s 模型 (70b) – 日本' },
];

describe('sanitizeLine', () => {
  it.each(rows)('$id', ({ text, line }) => {
    expect(sanitizeLine(text)).toBe(line);
  });

  it('lets nothing through that steers a terminal, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(sanitizeLine(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
        expect(sanitizeText(text)).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}]/u);
      }),
    );
  });
});

describe('sanitizeText', () => {
  it('keeps line breaks', () => {
    expect(sanitizeText('one\r\ntwo\n\u001b[2Jthree')).toBe('one\ntwo\nthree');
  });
});

describe('toSafeJson', () => {
  it('escapes what could steer a terminal and stays the same value', () => {
    const value = { name: 'a\u009b31m\u202e\u200b\u{e0041}\u2028', list: ['\n'] };
    const text = toSafeJson(value, 2);
    expect(text).toContain('a\\u009b31m\\u202e\\u200b\\udb40\\udc41\\u2028');
    expect(JSON.parse(text)).toEqual(value);
  });

  it('is JSON of the same value for any value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(toSafeJson({ text }))).toEqual({
          text,
        });
      }),
    );
  });
});
