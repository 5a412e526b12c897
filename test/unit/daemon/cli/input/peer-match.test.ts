import { describe, expect, it } from 'vitest';
import { isPeerId, matchPeer } from '../../../../../daemon/cli/input/peer-match.ts';
import { PEER_A, PEER_B } from '../fake-host.ts';

const members = [
  { peer: PEER_A, name: 'alpha' },
  { peer: PEER_B, name: 'beta' },
];

describe('matchPeer', () => {
  it.each([
    ['full id', PEER_B, PEER_B],
    ['name', 'beta', PEER_B],
    ['end', PEER_B.slice(-6), PEER_B],
    ['beginning', PEER_A.slice(0, 9), PEER_A],
  ])('%s', (_, text, peer) => {
    expect(matchPeer(members, text)).toBe(peer);
  });

  it('takes a full peer id that is no member: the daemon judges it', () => {
    expect(matchPeer([], PEER_A)).toBe(PEER_A);
  });

  it.each([
    ['nothing fits', 'gamma'],
    ['an end that is too short', PEER_B.slice(-5)],
    ['another case', 'BETA'],
    ['empty', ''],
  ])('not there: %s', (_, text) => {
    expect(() => matchPeer(members, text)).toThrow(
      expect.objectContaining({ code: 'ERR_MEMBERSHIP_UNKNOWN_PEER' }),
    );
  });

  it.each([
    ['a beginning that both have', '12D3KooW', members],
    ['a name that two have', 'beta', [...members, { peer: PEER_A, name: 'beta' }]],
    [
      "a name that is a part of another's peer id",
      PEER_B.slice(-6),
      [...members, { peer: PEER_A, name: PEER_B.slice(-6) }],
    ],
  ])('ambiguous: %s', (_, text, list) => {
    expect(() => matchPeer(list, text)).toThrow(
      expect.objectContaining({
        code: 'ERR_API_USAGE',
        remedy: expect.stringContaining(PEER_B) as unknown,
      }),
    );
  });
});

describe('isPeerId', () => {
  it('knows the full form only', () => {
    expect(isPeerId(PEER_A)).toBe(true);
    expect(isPeerId(PEER_A.slice(1))).toBe(false);
    expect(isPeerId(`${PEER_A}x`)).toBe(false);
  });
});
