import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createTokenCodec,
  didYouMean,
  tokenNeighbours,
} from '../../../protocols/agent-id/index.ts';
import vectors from '../../vectors/agent-token.json' with { type: 'json' };
import { anyCharacter } from '../any-character.ts';
import { sha256 } from './sha256.ts';

const codec = createTokenCodec(sha256);
const token = fc
  .record({ version: fc.constantFrom(1, 2), host: fc.nat(1023), gpu: fc.nat(15) })
  .map((fields) => codec.encodeToken({ ...fields, reserved: 0 }));

describe('tokenNeighbours', () => {
  it.each(vectors.neighbours)('of $token are $count', (row) => {
    const neighbours = tokenNeighbours(row.token);
    expect(neighbours).toHaveLength(row.count);
    expect(new Set(neighbours).size).toBe(row.count);
    const list = new TextEncoder().encode(neighbours.sort().join('\n'));
    expect(Buffer.from(sha256(list)).toString('hex')).toBe(row.sha256);
  });

  it('is mutual and never holds the token itself', () => {
    fc.assert(
      fc.property(token, fc.nat(), (own, pick) => {
        const neighbours = tokenNeighbours(own);
        const one = neighbours[pick % neighbours.length]!;
        expect([neighbours.includes(own), tokenNeighbours(one).includes(own)]).toEqual([
          false,
          true,
        ]);
      }),
    );
  });
});

describe('didYouMean', () => {
  it.each(vectors.didYouMean)('$text: $why', ({ text, known, offered }) => {
    expect(didYouMean(text, (candidate) => known.includes(candidate))).toEqual(offered);
  });

  it('offers the token after any one slip, however it is written', () => {
    fc.assert(
      fc.property(token, fc.nat(), fc.nat(), (meant, pick, at) => {
        const slips = tokenNeighbours(meant);
        const replaced = slips[pick % slips.length]!.toLowerCase();
        const position = at % meant.length;
        const missing = meant.slice(0, position) + meant.slice(position + 1);
        const doubled = `${meant.slice(0, position)}?-${meant.slice(position)}`;
        for (const typed of [replaced, missing, doubled]) {
          expect(didYouMean(typed, (candidate) => candidate === meant)).toContain(meant);
        }
      }),
    );
  });

  it('asks a bounded number of times, and only for what could be a token', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter, maxLength: 40 }), (text) => {
        let asked = 0;
        didYouMean(text, (candidate) => {
          asked += 1;
          expect(candidate).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{5}|[0-9A-HJKMNP-TV-Z]{8})$/);
          return false;
        });
        expect(asked).toBeLessThan(600);
      }),
    );
    expect(didYouMean('A'.repeat(1_000_000), () => true)).toEqual([]);
    expect(didYouMean('-'.repeat(1_000_000), () => true)).toEqual([]);
  });
});
