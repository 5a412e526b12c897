import { describe, expect, it } from 'vitest';
import { encodePlain } from '../../../../protocols/wire/dag-cbor/encoder.ts';

/** What it encodes to is held against the general codec in canonical.test.ts. */
describe('encodePlain', () => {
  it('leaves what it handed out as it is, however much comes after', () => {
    const values = Array.from({ length: 3_000 }, (_, i) => `value ${i} ${'x'.repeat(i % 300)}`);
    const encoded = values.map((value) => encodePlain(value));
    const again = values.map((value) => encodePlain(value));
    expect(encoded.map((it) => it.slice())).toEqual(again.map((it) => it.slice()));
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    expect(encoded.every((bytes, i) => text(bytes).endsWith(values[i] ?? '?'))).toBe(true);
  });

  it('keeps little more in memory than a small value takes', () => {
    const small = encodePlain('small');
    expect(small.buffer.byteLength).toBeLessThanOrEqual(16 * 1024);
    const large = encodePlain('l'.repeat(100_000));
    expect(large.buffer.byteLength).toBe(large.length);
  });

  it('goes on after a value that it refused', () => {
    expect(() => encodePlain({ a: 1, b: [undefined] })).toThrow(TypeError);
    expect([...encodePlain([1, 'a'])]).toEqual([0x82, 0x01, 0x61, 0x61]);
  });
});
