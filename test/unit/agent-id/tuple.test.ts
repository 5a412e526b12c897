import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AgentTupleInput,
  canonicalTuple,
  hashTuple,
  isCanonicalTuple,
  joinTuple,
  parseTinyHash,
  tinyHashOf,
} from '../../../protocols/agent-id/index.ts';
import { CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import vectors from '../../vectors/agent-tuple.json' with { type: 'json' };
import { anyCharacter } from '../any-character.ts';
import { sha256 } from './sha256.ts';

const PLAIN: AgentTupleInput = {
  model: 'llama3-70b',
  hostname: 'alpha-node',
  mac: 'AA:BB:CC:DD:EE:01',
  gpu_id: '0',
};

function codeOf(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    if (isCooeeError(error)) return error.code;
    throw error;
  }
}

describe('canonical tuple', () => {
  it.each(vectors.accepted)('$why', ({ input, canonical, joined, hash, tinyHash }) => {
    const tuple = canonicalTuple(input);
    expect(tuple).toEqual(canonical);
    expect(joinTuple(tuple)).toBe(joined);
    expect(hashTuple(tuple, sha256)).toEqual({ hash, tinyHash });
    expect(tinyHashOf(hash)).toBe(tinyHash);
    expect(isCanonicalTuple(tuple)).toBe(true);
  });

  it.each(vectors.refused)('$field refused: $why', ({ input, code, field, reason }) => {
    expect(() => canonicalTuple(input)).toThrow(CooeeError);
    try {
      canonicalTuple(input);
    } catch (error) {
      expect(error).toMatchObject({ code, details: { field, reason } });
    }
    expect(isCanonicalTuple(input)).toBe(false);
  });

  it('is a fixed point, whatever the text', () => {
    const text = fc.oneof(fc.string({ unit: anyCharacter }), fc.string({ unit: 'grapheme' }));
    let accepted = 0;
    fc.assert(
      fc.property(text, text, (model, hostname) => {
        const input = { ...PLAIN, model, hostname };
        if (codeOf(() => canonicalTuple(input)) !== 'none') return;
        accepted += 1;
        const once = canonicalTuple(input);
        expect(canonicalTuple(once)).toEqual(once);
        expect(isCanonicalTuple(once)).toBe(true);
        expect(joinTuple(once).split('|')).toHaveLength(4);
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('refuses with its own code or not at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        for (const field of ['model', 'hostname', 'mac', 'gpu_id'] as const) {
          const code = codeOf(() => canonicalTuple({ ...PLAIN, [field]: text }));
          expect(['none', 'ERR_AGENT_ID_TUPLE']).toContain(code);
        }
      }),
    );
  });

  // Not among the vectors: many JSON readers refuse a whole file for a lone surrogate.
  it.each(['a\ud800b', 'a\udc00', '\ud83d'])('refuses a lone surrogate', (model) => {
    expect(codeOf(() => canonicalTuple({ ...PLAIN, model }))).toBe('ERR_AGENT_ID_TUPLE');
  });

  it('does not normalise a text of any size', () => {
    const model = 'e\u0301'.repeat(5_000_000);
    expect(codeOf(() => canonicalTuple({ ...PLAIN, model }))).toBe('ERR_AGENT_ID_TUPLE');
  });
});

describe('isCanonicalTuple', () => {
  const tuple = canonicalTuple(PLAIN);

  it('takes further fields', () => {
    expect(isCanonicalTuple({ ...tuple, gpu_info: 'NVIDIA', hash: 'x' })).toBe(true);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'llama3-70b|alpha-node|aabbccddee01|0'],
    ['a list', []],
    ['a field missing', { model: 'm', hostname: 'h', mac: 'aabbccddee01' }],
    ['a number as gpu_id', { ...tuple, gpu_id: 0 }],
    ['upper case', { ...tuple, model: 'Llama3-70b' }],
    ['white space', { ...tuple, hostname: 'alpha-node ' }],
    ['separators', { ...tuple, mac: 'aa:bb:cc:dd:ee:01' }],
    ['a decomposed text', { ...tuple, model: 'cafe\u0301' }],
  ])('refuses %s', (_, value) => {
    expect(isCanonicalTuple(value)).toBe(false);
  });
});

describe('tiny hash', () => {
  it.each(vectors.tinyHash.accepted)('reads $text', ({ text, tinyHash }) => {
    expect(parseTinyHash(text)).toBe(tinyHash);
  });

  it.each(vectors.tinyHash.refused)('refuses $text: $why', ({ text, code }) => {
    expect(codeOf(() => parseTinyHash(text))).toBe(code);
  });

  it('carries the first 48 bits', () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => {
      return Buffer.from(bytes).toString('hex');
    });
    const symbols = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    fc.assert(
      fc.property(hash, (text) => {
        const tiny = tinyHashOf(text);
        const value = Array.from(tiny).reduce(
          (sum, s) => sum * 32n + BigInt(symbols.indexOf(s)),
          0n,
        );
        expect(tiny).toHaveLength(10);
        expect(value).toBe(BigInt(`0x${text.slice(0, 12)}`));
        expect(parseTinyHash(tiny)).toBe(tiny);
      }),
    );
  });

  it.each(['', '9A'.repeat(32), '0'.repeat(63), '0'.repeat(65)])('is not made of %s', (hash) => {
    expect(codeOf(() => tinyHashOf(hash))).toBe('ERR_AGENT_ID_RANGE');
  });
});
