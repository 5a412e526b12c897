import type { SeedKey, Signer } from '../../../../protocols/interface/index.ts';
import { encodeEntry } from '../../../../protocols/slurp/index.ts';
import { signRecovery } from '../../../../protocols/slurp/recovery/recovery-link.ts';
import { encodeCanonical } from '../../../../protocols/wire/index.ts';
import { batchOf, founder, keyOf, type Machine, MESH, operator, START_MS } from '../mesh-world.ts';

/** What the mesh id of these tests is the CID of. */
export const GENESIS_BODY = encodeCanonical({
  v: 1,
  name: 'test mesh',
  memberName: 'one',
  addresses: [],
  recovery: operator.publicKey,
  nonce: new Uint8Array(16),
  levels: [1, 1],
  peer: founder.peer,
});

interface Wanted {
  readonly by?: SeedKey;
  readonly epoch?: number;
  readonly index: number;
  readonly root?: Uint8Array;
  readonly term?: number;
  readonly voters?: readonly Signer[];
  readonly mesh?: string;
  readonly genesis?: Uint8Array | undefined;
}

/** A recovery, by the operator unless told otherwise. */
export function recoveryAt(wanted: Wanted): Uint8Array {
  const { by = operator, epoch = 1, index, root, term = 7, voters = [founder], mesh } = wanted;
  return signRecovery(
    by,
    {
      ...{ mesh: mesh ?? MESH, epoch, index, term, timeMs: START_MS },
      nonce: new Uint8Array(16),
      root: root ?? new Uint8Array(32).fill(5),
      voters: voters.map(({ peer }) => peer),
    },
    wanted.genesis,
  );
}

/** The operator recovers on a machine: the entry that says so is applied there. */
export async function recoverOn(
  machine: Machine,
  signer: Signer,
  { epoch = 1, term = 7 }: { readonly epoch?: number; readonly term?: number } = {},
): Promise<Uint8Array> {
  const { meshLog } = machine;
  const index = meshLog.tailIndex;
  const link = recoveryAt({ epoch, term, index, root: meshLog.tailRoot(), voters: [signer] });
  await applyRecovery(machine, { signer, link, term });
  return link;
}

/** Puts an entry with a recovery behind a machine's log. */
export async function applyRecovery(
  { meshLog }: Machine,
  {
    signer,
    link,
    term,
  }: { readonly signer: Signer; readonly link: Uint8Array; readonly term: number },
): Promise<void> {
  const index = meshLog.tailIndex + 1;
  const batch = batchOf(signer, { seq: 1 }, [{ kind: 'mesh.recover', body: { term, link } }]);
  const bytes = encodeEntry({ index, term, timeMs: START_MS + index, batch });
  await meshLog.append([{ index, term, bytes }], index);
  await meshLog.commitTo(index);
}

/** Somebody who is not the operator. */
export const forger = keyOf(66);
