import { describe, expect, it } from 'vitest';
import { GENESIS_SEQ, GENESIS_TERM, makeGenesis } from '../../../bootstrap/index.ts';
import { nodeCrypto, peerOfKey, seedKey } from '../../../daemon/system/crypto.ts';
import { memberOf, meshOf } from '../../../protocols/membership/index.ts';
import {
  decodeBatch,
  decodeEntry,
  isBatchSigned,
  MeshState,
  StateOverlay,
} from '../../../protocols/slurp/index.ts';
import { applyEntry } from '../../../protocols/slurp/machine/apply.ts';

const key = seedKey(new Uint8Array(32).fill(1));
const signer = { peer: peerOfKey(key.publicKey), sign: key.sign };
const init = {
  signer,
  crypto: nodeCrypto,
  boot: 3,
  timeMs: 5_000,
  body: {
    name: 'home',
    memberName: 'first',
    addresses: ['/ip4/10.0.0.1/tcp/26633'],
    recovery: new Uint8Array(32).fill(2),
    nonce: new Uint8Array(16).fill(3),
    levels: [1, 1] as [number, number],
  },
};

function applied(entryBytes: Uint8Array, meshId: string) {
  const entry = decodeEntry(entryBytes);
  const overlay = new StateOverlay(new MeshState());
  const batch = decodeBatch(entry.batch).value;
  const result = applyEntry(overlay, { entry, batch }, { crypto: nodeCrypto, meshId });
  return { entry, overlay, result };
}

describe('makeGenesis', () => {
  it('makes the first entry of a log, signed, that applies to a mesh of one', () => {
    const { meshId, entry: bytes } = makeGenesis(init);
    const { entry, overlay, result } = applied(bytes, meshId);
    expect(entry).toMatchObject({ index: 1, term: GENESIS_TERM, timeMs: 5_000 });
    expect(isBatchSigned(nodeCrypto, decodeBatch(entry.batch))).toBe(true);
    expect(result.batch).toMatchObject({ mesh: meshId, boot: 3, seq: GENESIS_SEQ });
    expect(result.decisions.map(({ outcome }) => outcome.ok)).toEqual([true]);
    expect(meshOf(overlay)).toMatchObject({ id: meshId, name: 'home', voters: [signer.peer] });
    expect(memberOf(overlay, signer.peer)).toMatchObject({ name: 'first', role: 'admin' });
    expect(overlay.get('origin', signer.peer)).toEqual({ boot: 3, seq: GENESIS_SEQ });
  });

  it('gives the same mesh for the same facts, and another for any other', () => {
    const { meshId } = makeGenesis(init);
    expect(makeGenesis(init).meshId).toBe(meshId);
    expect(makeGenesis({ ...init, boot: 9, timeMs: 1 }).meshId).toBe(meshId);
    const other = seedKey(new Uint8Array(32).fill(7));
    const ids = [
      { ...init, body: { ...init.body, nonce: new Uint8Array(16) } },
      { ...init, body: { ...init.body, recovery: new Uint8Array(32) } },
      { ...init, body: { ...init.body, name: 'other' } },
      { ...init, signer: { peer: peerOfKey(other.publicKey), sign: other.sign } },
    ].map((changed) => makeGenesis(changed).meshId);
    expect(new Set([meshId, ...ids]).size).toBe(5);
  });

  it('does not pass for the beginning of another mesh', () => {
    const { entry } = makeGenesis(init);
    const { meshId } = makeGenesis({ ...init, body: { ...init.body, name: 'other' } });
    const { overlay, result } = applied(entry, meshId);
    expect(result.decisions.map(({ outcome }) => outcome.ok)).toEqual([false]);
    expect(meshOf(overlay)).toBeUndefined();
  });
});
