import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCooeeError } from '../../../protocols/interface/index.ts';
import {
  type Address,
  formatAddress,
  parseAddress,
  type RecordAddress,
} from '../../../protocols/ucxl/index.ts';
import { agentIdAddresses, recordAddresses } from './arbitrary-address.ts';

const BASE: RecordAddress = {
  kind: 'record',
  agent: 'a',
  role: 'r',
  project: 'p',
  task: 't',
  temporal: { kind: 'now' },
  path: 'x/y',
};

function readOrNull(text: string): Address | null {
  try {
    return parseAddress(text);
  } catch (error) {
    if (isCooeeError(error)) return null;
    throw error;
  }
}

describe('formatAddress', () => {
  it.each([
    ['ucxl://any:admin@COOEE:enrol/#/agentid/5/3', 'ucxl://any:admin@COOEE:enrol/#/agentid/5/3'],
    ['ucxl://a@p:t/*^/x', 'ucxl://a@p:t/#/x'],
    ['ucxl://a@p:t/~~1/x', 'ucxl://a@p:t/~~/x'],
    ['ucxl://a@p:t/^^1/x', 'ucxl://a@p:t/^^/x'],
    ['ucxl://a@p:t/*~1/x', 'ucxl://a@p:t/*~1/x'],
    ['ucxl://a@p:t/#/', 'ucxl://a@p:t/#'],
    ['ucxl://agentid:4-58rv', 'ucxl://agentid:458RV'],
  ])('writes %s as %s', (text, canonical) => {
    expect(formatAddress(parseAddress(text))).toBe(canonical);
  });

  it('reads back as the same address', () => {
    fc.assert(
      fc.property(fc.oneof(recordAddresses, agentIdAddresses), (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  it('gives each of the accepted spellings of a record the one text that reads back as it', () => {
    const spellings = fc.record({
      now: fc.constantFrom('#', '*^'),
      steps: fc.constantFrom('~~', '~~1', '^^', '^^1'),
      end: fc.constantFrom('', '/'),
    });
    fc.assert(
      fc.property(recordAddresses, spellings, (address, { now, steps, end }) => {
        const bare = formatAddress({ ...address, temporal: { kind: 'now' }, path: '' });
        const start = bare.slice(0, -1);
        for (const temporal of [now, steps]) {
          const read = parseAddress(`${start}${temporal}${end}`);
          const canonical = formatAddress(read);
          expect(canonical).toBe(`${start}${temporal === '*^' ? '#' : temporal.slice(0, 2)}`);
          expect(parseAddress(canonical)).toEqual(read);
        }
      }),
    );
  });

  it('writes whatever the parser takes, and the same again', () => {
    const scraps = fc.constantFrom(
      ...['any', ':', '@', '/', '#', '~~', '^^', '*^', '*~', '1', '0', '12', 'é', '.', '-', 'x'],
    );
    const texts = fc
      .array(scraps, { maxLength: 12 })
      .map((parts) => `ucxl://a:r@p:t/${parts.join('')}`);
    const ids = fc
      .string({ unit: fc.constantFrom(...'0189abilouLOZ-'), maxLength: 12 })
      .map((id) => `ucxl://agentid:${id}`);
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(texts, ids), (text) => {
        const address = readOrNull(text);
        if (address === null) return;
        taken += 1;
        const canonical = formatAddress(address);
        expect(parseAddress(canonical)).toEqual(address);
        expect(formatAddress(parseAddress(canonical))).toBe(canonical);
        expect(canonical.length).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 3_000 },
    );
    // The scraps make addresses often enough for this to mean something.
    expect(taken).toBeGreaterThan(100);
  });

  it.each<[string, Address, string]>([
    ['an @ in the agent', { ...BASE, agent: 'b@q:u/#/z' }, 'ERR_UCXL_SYNTAX'],
    ['a colon in the agent', { ...BASE, agent: 'b:s', role: null }, 'ERR_UCXL_SYNTAX'],
    ['a slash in the task', { ...BASE, task: 't/#' }, 'ERR_UCXL_SYNTAX'],
    ['an empty role', { ...BASE, role: '' }, 'ERR_UCXL_SYNTAX'],
    ['a slash at the end', { ...BASE, path: 'x/' }, 'ERR_UCXL_SYNTAX'],
    ['a path that is a slash', { ...BASE, path: '/' }, 'ERR_UCXL_SYNTAX'],
    ['a star', { ...BASE, path: 'x/*' }, 'ERR_UCXL_SYNTAX'],
    ['too long a path', { ...BASE, path: 'x'.repeat(1024) }, 'ERR_UCXL_SYNTAX'],
    ['no steps', { ...BASE, temporal: { kind: 'back', steps: 0 } }, 'ERR_UCXL_TEMPORAL'],
    ['half a step', { ...BASE, temporal: { kind: 'forward', steps: 1.5 } }, 'ERR_UCXL_TEMPORAL'],
    ['no version', { ...BASE, temporal: { kind: 'version', version: -1 } }, 'ERR_UCXL_TEMPORAL'],
    [
      'an id that is not folded',
      { kind: 'agentid', form: 'token', id: '458rv' },
      'ERR_UCXL_SYNTAX',
    ],
    [
      'an id of another form',
      { kind: 'agentid', form: 'tiny-hash', id: '458RV' },
      'ERR_UCXL_SYNTAX',
    ],
    ['a record as an id', { kind: 'agentid', form: 'token', id: 'r@p:t/#' }, 'ERR_UCXL_SYNTAX'],
  ])('refuses %s', (_, address, code) => {
    expect(() => formatAddress(address)).toThrow(expect.objectContaining({ code }));
    expect(() => formatAddress(address)).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ position: expect.any(Number) }),
      }),
    );
  });
});
