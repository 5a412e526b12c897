import { describe, expect, it } from 'vitest';
import { type HostIdentity, reconcileHost } from '../../../../bootstrap/host/index.ts';

const detected = { hostname: 'alpha', mac: 'aabbccddee01' };
const stored: HostIdentity = {
  hostname: 'alpha',
  mac: 'aabbccddee01',
  hostnameFrom: 'system',
  macFrom: 'system',
};
const fromFlags: HostIdentity = { ...stored, hostnameFrom: 'flag', macFrom: 'flag' };

describe('reconcileHost before the first enrolment', () => {
  it('takes what was detected', () => {
    expect(reconcileHost(undefined, detected, {})).toEqual({ identity: stored, isFixed: false });
  });

  it('takes flags first, each for itself, in canonical form', () => {
    expect(reconcileHost(undefined, detected, { hostname: ' Beta' }).identity).toEqual({
      ...stored,
      hostname: 'beta',
      hostnameFrom: 'flag',
    });
    const flags = { hostname: 'B', mac: 'AA-BB-CC-DD-EE-02' };
    expect(reconcileHost(undefined, {}, flags).identity).toEqual({
      hostname: 'b',
      mac: 'aabbccddee02',
      hostnameFrom: 'flag',
      macFrom: 'flag',
    });
  });

  it.each([
    ['hostname', { mac: detected.mac }],
    ['mac', { hostname: detected.hostname }],
  ])('fails without a %s', (field, facts) => {
    expect(() => reconcileHost(undefined, facts, {})).toThrow(
      expect.objectContaining({ code: 'ERR_BOOTSTRAP_HOST_FACTS', details: { field } }),
    );
  });

  it.each([{ hostname: 'a|b' }, { hostname: '' }, { mac: 'nonsense' }, { mac: 'aabbccddee' }])(
    'refuses %j as a flag, also later',
    (flags) => {
      for (const before of [undefined, stored]) {
        expect(() => reconcileHost(before, detected, flags)).toThrow(
          expect.objectContaining({ code: 'ERR_AGENT_ID_TUPLE' }),
        );
      }
    },
  );
});

describe('reconcileHost afterwards', () => {
  it.each([
    ['all is the same', stored, detected, {}],
    ['nothing is detected any more', stored, {}, {}],
    [
      'the flags say the same',
      fromFlags,
      { hostname: 'x', mac: 'ffffffffff00' },
      { hostname: 'ALPHA' },
    ],
    [
      'flags were given once and are not now',
      fromFlags,
      { hostname: 'x', mac: '020000000001' },
      {},
    ],
  ])('keeps the identity in silence when %s', (_, before, now, flags) => {
    expect(reconcileHost(before, now, flags)).toEqual({ identity: before, isFixed: true });
  });

  it.each([
    ['hostname alpha', stored, { ...detected, hostname: 'other' }, {}],
    ['mac aabbccddee01', stored, { ...detected, mac: 'aabbccddee99' }, {}],
    ['hostname alpha and mac aabbccddee01', stored, { hostname: 'o', mac: '020000000001' }, {}],
    ['mac aabbccddee01', fromFlags, detected, { mac: 'aabbccddee99' }],
    ['hostname alpha', stored, detected, { hostname: 'late' }],
  ])('keeps the identity and reports: %s', (fixed, before, now, flags) => {
    const { identity, condition } = reconcileHost(before, now, flags);
    expect(identity).toEqual(before);
    expect(condition).toMatchObject({
      code: 'host-changed',
      severity: 'warn',
      text: `This host enrolled with ${fixed}; that has changed and is not used.`,
    });
  });
});
