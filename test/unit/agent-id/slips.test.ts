// Goal: know exactly which slips of a typist each checksum catches. Method: every single-symbol
// error and adjacent swap of every token that version 1 can grant, judged by the codec and by plain
// bit arithmetic; for version 2 a proof over all error patterns (a CRC with init 0 is linear, so a
// pattern's effect is the same on every token), and samples.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTokenCodec, TOKEN_V2, tokenNeighbours } from '../../../protocols/agent-id/index.ts';
import { sha256 } from './sha256.ts';

const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const codec = createTokenCodec(sha256);

function bitsOf(token: string): number {
  return Array.from(token).reduce((bits, symbol) => bits * 32 + SYMBOLS.indexOf(symbol), 0);
}

/** Of the prefixes that came up. Most never do. */
const checksums = new Int8Array(2 ** 19).fill(-1);

/** The version 1 checksum, written once more and differently. */
function checksumOf(prefix: number): number {
  if (checksums[prefix] === -1) {
    const bytes = Buffer.alloc(3);
    bytes.writeUIntBE(prefix, 0, 3);
    checksums[prefix] = sha256(bytes)[0]! >> 2;
  }
  return checksums[prefix]!;
}

function expectedOf(token: string): string {
  const bits = bitsOf(token);
  const prefix = bits >>> 6;
  if (checksumOf(prefix) !== (bits & 63)) return 'checksum';
  if (prefix >>> 16 !== 1) return 'version';
  return (prefix & 3) === 0 ? 'accepted' : 'reserved';
}

const NAMES: Record<string, string> = {
  ERR_AGENT_ID_CHECKSUM: 'checksum',
  ERR_AGENT_ID_VERSION: 'version',
  ERR_AGENT_ID_RESERVED: 'reserved',
};

describe('version 1', () => {
  it('catches what six bits can catch: exact counts over all 16,384 tokens', () => {
    const counts: Record<string, Record<string, number>> = { replaced: {}, swapped: {} };
    let disagreements = 0;
    for (let id = 0; id < 2 ** 14; id += 1) {
      const fields = { version: 1, host: id >>> 4, gpu: id & 15, reserved: 0 };
      const token = codec.encodeToken(fields);
      for (const [at, typed] of tokenNeighbours(token).entries()) {
        const verdict = NAMES[codec.refusalOf(typed) ?? ''] ?? 'accepted';
        if (verdict !== expectedOf(typed)) disagreements += 1;
        // The 155 substitutions come first, then the swaps of unequal neighbours.
        const kind = counts[at < 155 ? 'replaced' : 'swapped']!;
        kind[verdict] = (kind[verdict] ?? 0) + 1;
      }
    }
    expect(disagreements).toBe(0);
    // 99.29 % and 99.37 % are caught. A checksum of six bits alone would let 1 in 64 pass (98.4 %);
    // the last symbol, which is all checksum, the version and the reserved bits do the rest.
    expect(counts).toEqual({
      replaced: { checksum: 2_508_044, version: 7_263, reserved: 6_093, accepted: 18_120 },
      swapped: { checksum: 62_475, version: 231, reserved: 378, accepted: 400 },
    });
  });
});

describe('version 2', () => {
  const fields = fc.record({
    version: fc.constant(2),
    host: fc.nat(2 ** 24 - 1),
    gpu: fc.nat(15),
    reserved: fc.constant(0),
  });

  it('catches every slip in a sample of tokens, by its checksum alone', () => {
    fc.assert(
      fc.property(fields, (given) => {
        const slips = tokenNeighbours(codec.encodeToken(given));
        const refusals = new Set(slips.map((typed) => codec.refusalOf(typed)));
        expect([...refusals]).toEqual(['ERR_AGENT_ID_CHECKSUM']);
      }),
      { numRuns: 500 },
    );
  });

  it('catches every slip in any token: no pattern of one leaves the checksum right', () => {
    const patterns: bigint[] = [];
    for (let at = 0n; at < 8n; at += 1n) {
      for (let change = 1n; change < 32n; change += 1n) {
        patterns.push(change << (5n * at));
        // A swap changes both neighbours by the same bits: the difference of the two symbols.
        if (at < 7n) patterns.push((change << (5n * at)) | (change << (5n * at + 5n)));
      }
    }
    expect(patterns).toHaveLength(8 * 31 + 7 * 31);
    for (const pattern of patterns) expect(syndromeOf(pattern)).not.toBe(0);
  });

  it('has a linear checksum, which the proof above stands on', () => {
    const word = fc.bigInt({ min: 0n, max: 2n ** 40n - 1n });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(syndromeOf(a ^ b)).toBe(syndromeOf(a) ^ syndromeOf(b));
      }),
    );
  });

  /** The checksum that 40 bits carry against the one that they should: 0 = a sound token. */
  function syndromeOf(bits: bigint): number {
    const text = Array.from({ length: 8 }, (_, at) =>
      SYMBOLS.charAt(Number((bits >> BigInt(35 - 5 * at)) & 31n)),
    ).join('');
    const carried = codec.unpack(text);
    return carried.checksum ^ codec.unpack(codec.pack(TOKEN_V2, carried)).checksum;
  }
});
