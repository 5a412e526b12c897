import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createTokenCodec,
  TOKEN_V1,
  TOKEN_V2,
  type TokenFields,
} from '../../../protocols/agent-id/index.ts';
import { type CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import vectors from '../../vectors/agent-token.json' with { type: 'json' };
import { anyCharacter } from '../any-character.ts';
import { sha256 } from './sha256.ts';

const codec = createTokenCodec(sha256);

function thrownBy(action: () => unknown): CooeeError {
  try {
    action();
  } catch (error) {
    if (isCooeeError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('token vectors', () => {
  it.each(vectors.encode)('writes $token', ({ token, checksum, ...fields }) => {
    expect(codec.encodeToken(fields)).toBe(token);
    expect(codec.unpack(token)).toEqual({ ...fields, checksum });
  });

  it.each(vectors.decode)('reads $text', ({ text, token, ...fields }) => {
    expect(codec.decodeToken(text)).toEqual(fields);
    expect(codec.encodeToken(fields)).toBe(token);
    expect(codec.refusalOf(text)).toBeNull();
  });

  it.each(vectors.refused)('refuses $text: $why', ({ text, code, position }) => {
    const error = thrownBy(() => codec.decodeToken(text));
    expect(error.code).toBe(code);
    expect(error.details['position']).toBe(position);
    expect(codec.refusalOf(text)).toBe(code);
  });

  it.each(vectors.encodeRefused)('does not write $version $host $gpu $reserved', (row) => {
    const error = thrownBy(() => codec.encodeToken(row));
    expect(error.code).toBe(row.code);
    expect(error.details['field']).toBe(row.field);
  });

  it('refuses what is no number', () => {
    for (const host of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      const error = thrownBy(() => codec.encodeToken({ version: 1, host, gpu: 0, reserved: 0 }));
      expect(error.code).toBe('ERR_AGENT_ID_RANGE');
    }
  });
});

describe('structure', () => {
  it('round-trips every prefix of version 1, reserved bits and unknown versions too', () => {
    // Two prefixes with one token would not both be read back: none is given twice.
    let unequal = 0;
    for (let prefix = 0; prefix < 2 ** 19; prefix += 1) {
      const fields = {
        version: prefix >>> 16,
        host: (prefix >>> 6) & 1023,
        gpu: (prefix >>> 2) & 15,
        reserved: prefix & 3,
      };
      if (!isSame(fields, codec.unpack(codec.pack(TOKEN_V1, fields)))) unequal += 1;
    }
    expect(unequal).toBe(0);
  });

  it('round-trips random prefixes of version 2', () => {
    const prefix = fc.record({
      version: fc.nat(7),
      host: fc.nat(2 ** 24 - 1),
      gpu: fc.nat(15),
      reserved: fc.nat(1),
    });
    fc.assert(
      fc.property(prefix, (fields) => {
        const token = codec.pack(TOKEN_V2, fields);
        expect(token.length === 8 && isSame(fields, codec.unpack(token))).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([0, 2 ** 24 - 1])('keeps the edges of version 2: host %i', (host) => {
    for (const [version, gpu, reserved] of [
      [0, 0, 0],
      [7, 15, 1],
    ] as const) {
      const token = codec.pack(TOKEN_V2, { version, host, gpu, reserved });
      expect(codec.unpack(token)).toMatchObject({ version, host, gpu, reserved });
    }
  });

  it('asks for each version 1 checksum once', () => {
    let calls = 0;
    const counting = createTokenCodec((data) => {
      calls += 1;
      return sha256(data);
    });
    const token = counting.encodeToken({ version: 1, host: 42, gpu: 3, reserved: 0 });
    counting.decodeToken(token);
    counting.encodeToken({ version: 1, host: 42, gpu: 3, reserved: 0 });
    expect(calls).toBe(1);
    counting.encodeToken({ version: 2, host: 1024, gpu: 3, reserved: 0 });
    expect(calls).toBe(1);
  });
});

describe('reading', () => {
  const granted = fc
    .record({ version: fc.constantFrom(1, 2), host: fc.nat(1023), gpu: fc.nat(15) })
    .map((fields) => ({ ...fields, reserved: 0 }));

  it('does not mind case, I L O and hyphens', () => {
    const disguises = fc.array(fc.nat(7), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(granted, disguises, (fields, ways) => {
        const token = codec.encodeToken(fields);
        const typed = Array.from(token, (symbol, at) => disguise(symbol, ways[at]!)).join('');
        expect(isSame(fields, codec.decodeToken(typed))).toBe(true);
      }),
    );
  });

  it('either reads a text or refuses it with a code of its own', () => {
    const symbols = fc.string({
      unit: fc.constantFrom(...'0123456789ABCDEFGHJKMNPQRSTVWXYZiLoU-'),
    });
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: anyCharacter }), symbols), (text) => {
        const refusal = codec.refusalOf(text);
        if (refusal === null) {
          const fields = codec.decodeToken(text);
          expect(fields.reserved === 0 && [1, 2].includes(fields.version)).toBe(true);
        } else expect(thrownBy(() => codec.decodeToken(text)).code).toBe(refusal);
      }),
      { numRuns: 2_000 },
    );
  });
});

function isSame(fields: TokenFields, read: TokenFields): boolean {
  return (
    read.version === fields.version &&
    read.host === fields.host &&
    read.gpu === fields.gpu &&
    read.reserved === fields.reserved
  );
}

/** One of the ways in which people write a symbol; bit 2 puts a hyphen behind it. */
function disguise(symbol: string, way: number): string {
  const looks: Record<string, string[]> = { '0': ['O', 'o', '0'], '1': ['I', 'i', 'L', 'l'] };
  const forms = looks[symbol] ?? [symbol, symbol.toLowerCase()];
  return forms[(way & 3) % forms.length]! + (way & 4 ? '-' : '');
}
