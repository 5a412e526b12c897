import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import { CooeeError } from '../../../protocols/interface/index.ts';
import {
  isStartOf,
  signStart,
  startDetails,
  startIn,
} from '../../../protocols/membership/index.ts';
import { decodeErrorPayload, encodeErrorPayload } from '../../../protocols/wire/index.ts';
import { keyOf, MEMBER, MESH, nonceOf, OTHER_MESH, STRANGER } from './mesh-fixture.ts';

const START = signStart(keyOf(3), MESH, { boot: 3, bootNonce: nonceOf('a') });
const isStart = (start = START, owner = { peer: MEMBER, mesh: MESH }) =>
  isStartOf(nodeCrypto.verify, owner, start);

describe('a signed start', () => {
  it('is good for its node, its mesh, its number and its nonce alone', () => {
    expect(isStart()).toBe(true);
    expect(isStart(START, { peer: STRANGER, mesh: MESH })).toBe(false);
    expect(isStart(START, { peer: MEMBER, mesh: OTHER_MESH })).toBe(false);
    expect(isStart({ ...START, boot: 4 })).toBe(false);
    expect(isStart({ ...START, bootNonce: nonceOf('b') })).toBe(false);
    expect(isStart({ ...START, signature: new Uint8Array(64) })).toBe(false);
  });

  it('crosses a stream in the details of an error', () => {
    const details = startDetails(START);
    const error = new CooeeError('ERR_MEMBERSHIP_CLONE', undefined, { details });
    expect(startIn(decodeErrorPayload(encodeErrorPayload(error)).details)).toEqual(START);
  });

  it('is read from no details that lack one', () => {
    const details = startDetails(START);
    const { boot: _boot, ...rest } = details;
    expect(startIn({})).toBeUndefined();
    expect(startIn(rest)).toBeUndefined();
    for (const [name, value] of [
      ['boot', -1],
      ['boot', 1.5],
      ['boot', '3'],
      ['bootNonce', nonceOf('A')],
      ['bootNonce', 'aa'],
      ['signature', 'ab'],
      ['signature', 'g'.repeat(128)],
      ['signature', 'a'.repeat(130)],
    ] as const) {
      expect(startIn({ ...details, [name]: value }), `${name} ${value}`).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (any) => {
        expect(startIn(any)).toBeUndefined();
      }),
    );
  });
});
