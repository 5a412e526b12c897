import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fromUri,
  presentOf,
  RESOURCE_TEMPLATE,
  toUri,
} from '../../../../../daemon/mcp/resources/uri.ts';
import { isCooeeError, toError } from '../../../../../protocols/interface/index.ts';
import { parseAddress } from '../../../../../protocols/ucxl/index.ts';

// Goal: whatever has an address has one URI that every parser of URIs takes, and that leads back.

function codeOf(task: () => unknown): string {
  try {
    task();
    return 'ok';
  } catch (error) {
    return isCooeeError(error) ? error.code : toError(error).message;
  }
}

const isAddress = (text: string): boolean => codeOf(() => parseAddress(text)) === 'ok';
const name = fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' });
const address = fc
  .tuple(name, name, name, name, name)
  .map(
    ([agent, role, project, task, path]) => `ucxl://${agent}:${role}@${project}:${task}/#/${path}`,
  )
  .filter(isAddress);

describe('toUri', () => {
  it.each([
    ['ucxl://any:human@COOEE:help/#/call/1', 'ucxl:///any:human@COOEE:help/%23/call/1'],
    ['ucxl://bob@shop:cart/~~2/a b%20'.replace(' ', ''), 'ucxl:///bob@shop:cart/~~2/ab%2520'],
    ['ucxl://bob@shop:cart/^^/ö?x', 'ucxl:///bob@shop:cart/%5E%5E/%C3%B6%3Fx'],
    ['ucxl://agentid:458RV', 'ucxl:///agentid:458RV'],
  ])('%s is %s', (from, uri) => expect(toUri(from)).toBe(uri));

  it('is what a parser of URIs leaves alone, and leads back', () => {
    fc.assert(
      fc.property(address, (from) => {
        const uri = toUri(from);
        expect(new URL(uri).href).toBe(uri);
        expect(fromUri(uri)).toBe(from);
      }),
    );
  });
});

describe('fromUri', () => {
  it('takes the template filled in (RFC 6570, simple expansion), and the address itself', () => {
    fc.assert(
      fc.property(address, (from) => {
        const rest = encodeURIComponent(from.slice('ucxl://'.length));
        expect(fromUri(RESOURCE_TEMPLATE.replace('{address}', rest))).toBe(from);
        expect(fromUri(from)).toBe(from);
      }),
    );
  });

  it('gives the canonical address', () => {
    expect(fromUri('ucxl:///agentid:4-58rv')).toBe('ucxl://agentid:458RV');
    expect(fromUri('ucxl://bob@shop:cart/*%5E/x'.replace('%5E', '^'))).toBe(
      'ucxl://bob@shop:cart/#/x',
    );
  });

  it.each([
    'ucxl:///%zz',
    'ucxl:///',
    'ucxl://',
    '',
    'file:///etc/passwd',
    'ucxl:///any:any@any:any/#/*',
  ])('refuses %j', (uri) =>
    expect(codeOf(() => fromUri(uri))).toMatch(/^ERR_UCXL_(SYNTAX|TEMPORAL)$/),
  );
});

describe('presentOf', () => {
  it('is the address whose events concern it', () => {
    expect(presentOf('ucxl://bob@shop:cart/*~3/x')).toBe('ucxl://bob@shop:cart/#/x');
    expect(presentOf('ucxl://bob@shop:cart/#/x')).toBe('ucxl://bob@shop:cart/#/x');
    expect(presentOf('ucxl://agentid:458RV')).toBe('ucxl://agentid:458RV');
  });
});
