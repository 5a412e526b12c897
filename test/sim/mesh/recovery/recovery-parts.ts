import {
  type Consensus,
  genesisOf,
  type HeadService,
  type MemberReport,
  type MeshLog,
  MeshRecovery,
  ProofMaker,
  RecoveryExchange,
  reportOf,
  type TrustBook,
} from '../../../../protocols/slurp/index.ts';
import { simCrypto as crypto } from '../../world/crypto.ts';
import type { MeshPorts } from '../mesh-parts.ts';

/** For so long the leader asks the voters before a change to sign for it before it may go past. */
const UNPROVED_MS = 30_000;

/** What the books of the simulation hear of recoveries, as they happen. */
export interface RecoveryWatch {
  /** A recovery that a member showed was taken in. */
  shown(bytes: Uint8Array): void;
  /**
   * Raft is at rest, and the log about to go on in another epoch. @returns to be called when it
   * does
   */
  recovering(how: { readonly hadSeat: boolean }): () => void;
  /** It went on, or could not. */
  recovered(): void;
}

/** The parts that those of a recovery work with. */
interface Ground {
  readonly meshLog: MeshLog;
  readonly trust: TrustBook;
  readonly consensus: Consensus;
  readonly heads: HeadService;
}

/** Recovery of a lost majority, put together as the daemon does. */
export async function buildRecovery(
  ports: MeshPorts,
  ground: Ground,
): Promise<{ readonly recovery: MeshRecovery; readonly recoveries: RecoveryExchange }> {
  const { store, streams, connected, recoveryWatch } = ports;
  const { meshLog, trust, consensus, heads } = ground;
  // Keeps the genesis, out of which those without a state learn the operator's key.
  await new ProofMaker({ ...ports, meshLog, trust, crypto, refresh: async () => undefined }).open();
  const report = (): Omit<MemberReport, 'peer'> => reportOf(ground);
  const recoveries = new RecoveryExchange({
    ...{ ...ports, report, requester: streams, responder: streams },
    meshId: meshLog.meshId,
    trust: {
      epochs: trust.epochs,
      recover: async (bytes) => {
        await trust.recover(bytes);
        recoveryWatch.shown(bytes);
      },
    },
    genesis: () => genesisOf(store),
  });
  const recovery = new MeshRecovery({
    ...{ ...ports, meshLog, trust, crypto, report, exchange: recoveries, connected },
    consensus: {
      refound: (task) =>
        consensus.refound(async (how) => {
          const check = recoveryWatch.recovering(how);
          try {
            await task(how);
            check();
          } finally {
            recoveryWatch.recovered();
          }
        }),
    },
    dial: async () => undefined,
    unproved: () => heads.unproved(UNPROVED_MS),
  });
  return { recovery, recoveries };
}
