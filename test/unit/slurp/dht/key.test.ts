import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashKey, headKey, parseKey, tokenKey } from '../../../../protocols/slurp/index.ts';
import { MESH } from '../mesh-world.ts';

const utf8 = new TextEncoder();
const reasonOf = (key: Uint8Array): unknown => {
  try {
    return parseKey(MESH, key).kind;
  } catch (error) {
    return (error as { details: { reason: string } }).details.reason;
  }
};

describe('a key of the DHT', () => {
  it('names what it was made of', () => {
    expect(parseKey(MESH, headKey(MESH))).toEqual({ kind: 'head' });
    expect(parseKey(MESH, tokenKey(MESH, '458RV'))).toEqual({ kind: 'token', token: '458RV' });
    expect(parseKey(MESH, hashKey(MESH, '7ZZZZZZZZZ'))).toEqual({
      kind: 'hash',
      tinyHash: '7ZZZZZZZZZ',
    });
    expect(new TextDecoder().decode(tokenKey(MESH, '458RV'))).toBe(`/cooee/token/${MESH}/458RV`);
  });

  it.each([
    ['mesh', headKey(MESH.replace(/.$/, 'x'))],
    ['mesh', tokenKey('', '458RV')],
    ['namespace', utf8.encode(`/cooee/heads/${MESH}`)],
    ['namespace', utf8.encode(`/cooee/__proto__/${MESH}`)],
    ['key', utf8.encode('/cooee')],
    ['key', utf8.encode(`/pk/head/${MESH}`)],
    ['key', utf8.encode(`/cooee/head/${MESH}/x`)],
    ['key', utf8.encode(`/cooee/token/${MESH}`)],
    ['key', utf8.encode(`/cooee/token/${MESH}/458rv`)],
    ['key', utf8.encode(`/cooee/token/${MESH}/458RV/1`)],
    ['key', utf8.encode(`/cooee/hash/${MESH}/8ZZZZZZZZZ`)],
    ['key', Uint8Array.of(0xff, 0x2f)],
    ['key', utf8.encode(`/cooee/token/${MESH}/${'A'.repeat(300)}`)],
  ])('is refused for its %s', (reason, key) => {
    expect(reasonOf(key)).toBe(reason);
  });

  it('never throws anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(typeof reasonOf(bytes)).toBe('string');
      }),
    );
  });
});
