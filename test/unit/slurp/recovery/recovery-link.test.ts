import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeRecovery,
  entryIndexOf,
  isRecovery,
  namedVoters,
  verifyRecovery,
  withGenesis,
} from '../../../../protocols/slurp/recovery/recovery-link.ts';
import { encodeCanonical } from '../../../../protocols/wire/index.ts';
import { refused } from '../heads/voters.ts';
import { crypto, founder, GENESIS, headOf, MESH, operator } from '../mesh-world.ts';
import { forger, GENESIS_BODY, recoveryAt } from './recovery-world.ts';

const byState = { mesh: MESH, key: operator.publicKey };
const byGenesis = { mesh: MESH, key: undefined };

describe('a recovery', () => {
  it('is the operator’s by the key in the state', () => {
    const recovery = verifyRecovery(crypto, byState, recoveryAt({ index: 9, epoch: 2 }));
    expect(recovery).toMatchObject({ epoch: 2, index: 9, entryIndex: 10, voters: [founder.peer] });
    expect(recovery.id).toMatch(/^[0-9a-f]{16}$/);
  });

  it('is the operator’s by the genesis that the mesh id names, for who has no state', () => {
    const bytes = recoveryAt({ index: 9, genesis: GENESIS_BODY });
    expect(verifyRecovery(crypto, byGenesis, bytes).index).toBe(9);
  });

  it.each([
    ['nothing that tells the key', 'recovery', byGenesis, recoveryAt({ index: 9 })],
    ['somebody else', 'signature', byState, recoveryAt({ index: 9, by: forger })],
    [
      'somebody else with a genesis of his own',
      'recovery',
      byGenesis,
      recoveryAt({
        index: 9,
        by: forger,
        genesis: encodeCanonical({ v: 1, recovery: forger.publicKey }),
      }),
    ],
    [
      'somebody else with the right genesis',
      'signature',
      byGenesis,
      recoveryAt({ index: 9, by: forger, genesis: GENESIS_BODY }),
    ],
    [
      'the operator, with a genesis that somebody has put in',
      'recovery',
      byState,
      recoveryAt({ index: 9, genesis: encodeCanonical({ v: 1, recovery: operator.publicKey }) }),
    ],
    ['another mesh', 'mesh', byState, recoveryAt({ index: 9, mesh: `bafyrei${'b'.repeat(52)}` })],
  ])('is refused from %s: %s', (_name, reason, trust, bytes) => {
    expect(() => verifyRecovery(crypto, trust, bytes)).toThrow(refused(reason));
  });

  it('is refused with any bit changed, and never read as another', () => {
    const bytes = recoveryAt({ index: 9, genesis: GENESIS_BODY });
    const { id } = decodeRecovery(crypto.sha256, bytes);
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = Uint8Array.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        let read: string | undefined;
        try {
          read = verifyRecovery(crypto, byGenesis, changed).id;
        } catch (error) {
          expect(String((error as { code?: string }).code)).toMatch(/^ERR_(SLURP_HEAD|WIRE_)/);
        }
        expect([undefined, id]).toContain(read);
        expect(read).toBeUndefined();
      }),
    );
  });

  it('takes a genesis with it, and keeps the one that it has', () => {
    const bare = recoveryAt({ index: 9 });
    const whole = recoveryAt({ index: 9, genesis: GENESIS_BODY });
    expect(withGenesis(bare, GENESIS_BODY)).toEqual(whole);
    expect(withGenesis(whole, encodeCanonical({ v: 1 }))).toBe(whole);
    // Both together are more than a recovery may be.
    expect(withGenesis(bare, new Uint8Array(64 * 1024))).toBe(bare);
  });

  it('is told from a head, and says its index and voters before it is checked', () => {
    const bytes = recoveryAt({ index: 9 });
    expect([isRecovery(bytes), isRecovery(headOf([GENESIS]))]).toEqual([true, false]);
    expect([entryIndexOf(bytes), namedVoters(bytes)]).toEqual([10, [founder.peer]]);
  });
});
