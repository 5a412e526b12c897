import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import { type Address, parseAddress, parsePattern } from '../../../protocols/ucxl/index.ts';
import { anyCharacter } from '../any-character.ts';

const BASE = {
  kind: 'record',
  agent: 'a',
  role: 'r',
  project: 'p',
  task: 't',
  temporal: { kind: 'now' },
  path: 'x',
} as const;

function refusalOf(action: () => unknown): CooeeError | null {
  try {
    action();
    return null;
  } catch (error) {
    if (isCooeeError(error)) return error;
    throw error;
  }
}

describe('parseAddress', () => {
  const rows: [string, Address][] = [
    ['ucxl://a:r@p:t/#/x', BASE],
    ['ucxl://a@p:t/#/x', { ...BASE, role: null }],
    ['ucxl://a:r@p:t/#', { ...BASE, path: '' }],
    ['ucxl://a:r@p:t/#/', { ...BASE, path: '' }],
    [
      'ucxl://any:admin@COOEE:enrol/#/agentid/5/3',
      {
        ...BASE,
        agent: 'any',
        role: 'admin',
        project: 'COOEE',
        task: 'enrol',
        path: 'agentid/5/3',
      },
    ],
    ['ucxl://a:r@p:t/*^/x', BASE],
    ['ucxl://a:r@p:t/~~/x', { ...BASE, temporal: { kind: 'back', steps: 1 } }],
    ['ucxl://a:r@p:t/~~1/x', { ...BASE, temporal: { kind: 'back', steps: 1 } }],
    ['ucxl://a:r@p:t/~~12/x', { ...BASE, temporal: { kind: 'back', steps: 12 } }],
    ['ucxl://a:r@p:t/^^/x', { ...BASE, temporal: { kind: 'forward', steps: 1 } }],
    ['ucxl://a:r@p:t/^^3/x', { ...BASE, temporal: { kind: 'forward', steps: 3 } }],
    ['ucxl://a:r@p:t/*~7/x', { ...BASE, temporal: { kind: 'version', version: 7 } }],
    ['ucxl://a:r@p:t/#/~~2/#/any/^^', { ...BASE, path: '~~2/#/any/^^' }],
    [
      'ucxl://a:r@p:t/#/src/@scope/m.ts:12?q=%20#L3',
      { ...BASE, path: 'src/@scope/m.ts:12?q=%20#L3' },
    ],
    [
      'ucxl://Ä:Ω@#1:模型/#/é',
      { ...BASE, agent: 'Ä', role: 'Ω', project: '#1', task: '模型', path: 'é' },
    ],
    ['ucxl://agentid:r@p:t/#/x', { ...BASE, agent: 'agentid' }],
    ['ucxl://agentid:458RV', { kind: 'agentid', form: 'token', id: '458RV' }],
    ['ucxl://agentid:4-58rv', { kind: 'agentid', form: 'token', id: '458RV' }],
    ['ucxl://agentid:8oo8-OOld', { kind: 'agentid', form: 'token', id: '8008001D' }],
    ['ucxl://agentid:4TF5ED5V08', { kind: 'agentid', form: 'tiny-hash', id: '4TF5ED5V08' }],
  ];

  it.each(rows)('reads %s', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each([
    ['', 0],
    ['http://a:r@p:t/#/x', 0],
    ['UCXL://a:r@p:t/#/x', 0],
    ['ucxl:/a:r@p:t/#/x', 0],
    [' ucxl://a:r@p:t/#/x', 0],
    ['ucxl://', 7],
    ['ucxl://a', 8],
    ['ucxl://a:r', 10],
    ['ucxl://a:r/#/x', 10],
    ['ucxl://@p:t/#/x', 7],
    ['ucxl://:r@p:t/#/x', 7],
    ['ucxl://a:@p:t/#/x', 9],
    ['ucxl://a:r@/#/x', 11],
    ['ucxl://a:r@p/#/x', 12],
    ['ucxl://a:r@:t/#/x', 11],
    ['ucxl://a:r@p:/#/x', 13],
    ['ucxl://a:r:s@p:t/#/x', 10],
    ['ucxl://a:r@p:t:u/#/x', 14],
    ['ucxl://a:r@p@q:t/#/x', 12],
    ['ucxl://a*:r@p:t/#/x', 8],
    ['ucxl://a:r@p:t', 14],
    ['ucxl://a:r@p:t/#//x', 17],
    ['ucxl://a:r@p:t/#/x/', 19],
    ['ucxl://a:r@p:t/#/x//y', 19],
    ['ucxl://a:r@p:t/#/./x', 17],
    ['ucxl://a:r@p:t/#/x/../y', 19],
    ['ucxl://a:r@p:t/#/x*', 18],
    ['ucxl://a:r@p:t/#/x y', 18],
    ['ucxl://a:r@p:t/#/x\n', 18],
    ['ucxl://a:r@p:t/#/x\u0000', 18],
    ['ucxl://a\u200b:r@p:t/#/x', 8],
    ['ucxl://a:r@p:t/#/\u202ex', 17],
    ['ucxl://a:r@p:t/#/\u{e0041}', 17],
    ['ucxl://a:r@p:t/#/\ud800', 17],
    ['ucxl://agentid:', 15],
    ['ucxl://agentid:458R', 19],
    ['ucxl://agentid:458RVX', 21],
    ['ucxl://agentid:45URV', 17],
    ['ucxl://agentid:458R\u0131', 19],
    ['ucxl://agentid:458RV/#/x', 20],
  ])('refuses %j at %i', (text, position) => {
    const error = refusalOf(() => parseAddress(text));
    expect(error).toMatchObject({ code: 'ERR_UCXL_SYNTAX', details: { position } });
    expect(refusalOf(() => parsePattern(text.replace(/x\*$/, '*x')))?.code).toBe('ERR_UCXL_SYNTAX');
  });

  it('names what no segment may be, whole without the full stop that a terminal leaves out', () => {
    const error = refusalOf(() => parseAddress('ucxl://a:r@p:t/#/x/../y'));
    expect(error?.message.replace(/\.$/, '')).toMatch(/"\." nor "\.\."$/);
  });

  it.each([
    '',
    '~',
    '^',
    '~~0',
    '~~01',
    '~~-1',
    '~~x',
    '~~1.5',
    '^^0',
    '~~1~~',
    '*~',
    '*~0',
    '*',
    '##',
    '#1',
    'now',
    'any',
    'x',
    '~~1234567890123456',
  ])('refuses the temporal part %j', (temporal) => {
    const error = refusalOf(() => parseAddress(`ucxl://a:r@p:t/${temporal}/x`));
    expect(error).toMatchObject({ code: 'ERR_UCXL_TEMPORAL', details: { position: 15 } });
  });

  it('takes 1,024 bytes and not one more, counted in UTF-8', () => {
    const start = 'ucxl://a:r@p:t/#/';
    expect(parseAddress(start + 'x'.repeat(1024 - start.length)).kind).toBe('record');
    for (const path of ['x'.repeat(1025 - start.length), 'é'.repeat(600), 'x'.repeat(1_000_000)]) {
      const error = refusalOf(() => parseAddress(start + path));
      expect(error?.code).toBe('ERR_UCXL_SYNTAX');
      expect(error?.details['position']).toBeLessThanOrEqual(1024);
    }
  });

  it('refuses any bytes with a type and a position, or reads them', () => {
    const start = new TextEncoder().encode('ucxl://a:r@p:t/#/');
    const bytes = fc.uint8Array({ maxLength: 64 });
    const near = bytes.map((end) => new Uint8Array([...start, ...end]));
    fc.assert(
      fc.property(fc.oneof(bytes, near), fc.constantFrom('utf-8', 'latin1'), (input, encoding) => {
        // As they come in a request: what is no UTF-8 has become U+FFFD.
        const text = new TextDecoder(encoding).decode(input);
        const error = refusalOf(() => parseAddress(text));
        if (error === null) return;
        expect(error.code).toMatch(/^ERR_UCXL_(?:SYNTAX|TEMPORAL)$/);
        expect(error.details['position']).toBeGreaterThanOrEqual(0);
        expect(error.details['position']).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads a text or refuses it with a position inside of it', () => {
    const scraps = fc.constantFrom(
      ...['ucxl://', 'agentid:', 'a', 'any', ':', '@', '/', '#', '~~', '^^', '*', '3', '458RV'],
    );
    const built = fc.array(scraps, { maxLength: 14 }).map((parts) => parts.join(''));
    const near = built.map((text) => `ucxl://a:r@p:t/#/${text}`);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: anyCharacter }), built, near), (text) => {
        for (const parse of [parseAddress, parsePattern]) {
          const error = refusalOf(() => parse(text));
          if (error === null) continue;
          expect(error.code).toMatch(/^ERR_UCXL_(?:SYNTAX|TEMPORAL)$/);
          const position = Number(error.details['position']);
          expect(position).toBeGreaterThanOrEqual(0);
          expect(position).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
