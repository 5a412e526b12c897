import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAddress,
  matches,
  parseAddress,
  parsePattern,
} from '../../../protocols/ucxl/index.ts';
import { agentIdAddresses, recordAddresses } from './arbitrary-address.ts';

const AGENT = 'ucxl://any:admin@COOEE:enrol/#/agentid/5/3';

describe('matches', () => {
  it.each([
    [AGENT, AGENT, true],
    ['ucxl://any:any@any:any/#/*', AGENT, true],
    ['ucxl://any:any@any:any/any/*', AGENT, true],
    ['ucxl://any:admin@COOEE:enrol/#/agentid/*', AGENT, true],
    ['ucxl://any:admin@COOEE:enrol/#/agentid/5*', AGENT, true],
    ['ucxl://any:admin@COOEE:enrol/*^/agentid/5/3', AGENT, true],
    ['ucxl://any:admin@COOEE:enrol/#/agentid/5', AGENT, false],
    ['ucxl://any:admin@COOEE:enrol/#/agentid/6/*', AGENT, false],
    ['ucxl://any:admin@cooee:enrol/#/agentid/5/3', AGENT, false],
    ['ucxl://any:member@COOEE:enrol/#/*', AGENT, false],
    ['ucxl://any@COOEE:enrol/#/*', AGENT, false],
    ['ucxl://any:any@COOEE:enrol/~~/*', AGENT, false],
    ['ucxl://bob:admin@COOEE:enrol/#/*', AGENT, false],
    ['ucxl://any:any@any:any/#/*', 'ucxl://bob@p:t/#', true],
    ['ucxl://any:any@any:any/#', 'ucxl://bob@p:t/#', true],
    ['ucxl://any:any@any:any/#', 'ucxl://bob@p:t/#/x', false],
    ['ucxl://any:dev@any:any/#/*', 'ucxl://bob@p:t/#', false],
    ['ucxl://bob@p:t/any/x', 'ucxl://bob@p:t/*~3/x', true],
    ['ucxl://bob@p:t/*~3/x', 'ucxl://bob@p:t/*~3/x', true],
    ['ucxl://bob@p:t/*~3/x', 'ucxl://bob@p:t/*~4/x', false],
    ['ucxl://bob@p:t/~~3/x', 'ucxl://bob@p:t/^^3/x', false],
    ['ucxl://bob@p:t/#/any', 'ucxl://bob@p:t/#/x', false],
    ['ucxl://bob@p:t/#/a/*', 'ucxl://bob@p:t/#/a', false],
    ['ucxl://bob@p:t/#/a*', 'ucxl://bob@p:t/#/a', true],
    ['ucxl://bob@p:t/#/a/.*', 'ucxl://bob@p:t/#/a/.b', true],
    ['ucxl://agentid:458rv', 'ucxl://agentid:458RV', true],
    ['ucxl://agentid:458RV', 'ucxl://agentid:4001Y', false],
    ['ucxl://agentid:458RV', AGENT, false],
    ['ucxl://any:any@any:any/#/*', 'ucxl://agentid:458RV', false],
  ])('%s and %s: %s', (pattern, address, expected) => {
    expect(matches(parsePattern(pattern), parseAddress(address))).toBe(expected);
  });

  it.each([
    'ucxl://a:r@p:t/#/*x',
    'ucxl://a:r@p:t/#/**',
    'ucxl://*:r@p:t/#/x',
    'ucxl://a:r@p:t/#//*',
    'ucxl://a:r@p:t/#/../*',
    'ucxl://agentid:*',
  ])('refuses the pattern %s', (text) => {
    expect(() => parsePattern(text)).toThrow(expect.objectContaining({ code: 'ERR_UCXL_SYNTAX' }));
  });

  it('covers with its own text, and with every beginning of its path', () => {
    fc.assert(
      fc.property(recordAddresses, fc.nat(), (address, cut) => {
        const text = formatAddress(address);
        expect(matches(parsePattern(text), address)).toBe(true);
        const kept = address.path.slice(0, cut % (address.path.length + 1));
        // A cut may not leave what no address holds: a segment . or .., or half a character.
        if (!kept.isWellFormed() || kept.split('/').some((part) => /^\.\.?$/.test(part))) return;
        const start = formatAddress({ ...address, path: '' });
        expect(matches(parsePattern(`${start}/${kept}*`), address)).toBe(true);
      }),
    );
  });

  it('with any everywhere covers every record and no short form', () => {
    const everything = parsePattern('ucxl://any:any@any:any/any/*');
    fc.assert(
      fc.property(recordAddresses, agentIdAddresses, (record, short) => {
        expect([matches(everything, record), matches(everything, short)]).toEqual([true, false]);
      }),
    );
  });

  it('without any and * covers nothing but the same address', () => {
    const parts = ['agent', 'role', 'project', 'task', 'temporal', 'path'] as const;
    fc.assert(
      fc.property(recordAddresses, recordAddresses, fc.constantFrom(...parts), (one, two, part) => {
        const text = formatAddress(one);
        fc.pre(!text.includes('any'));
        const other = { ...one, [part]: two[part] };
        expect(matches(parsePattern(text), other)).toBe(formatAddress(other) === text);
      }),
    );
  });
});
