import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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
