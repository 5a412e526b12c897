import {
  type Consensus,
  HeadService,
  HeadSigner,
  type Leadership,
  LogVerifier,
  ProofMaker,
} from '../../protocols/slurp/index.ts';
import type { NodeComponents, NodeParts } from '../node.ts';

/** The parts of a node that sign, show and prove heads. */
type HeadParts = Pick<NodeParts, 'heads' | 'headSigner' | 'proofs' | 'logVerifier'>;

/** The parts that those work with. */
type Ground = Pick<NodeParts, 'meshLog' | 'trust' | 'streams' | 'view' | 'gossip' | 'snapshots'>;

/**
 * Heads of the log: signing them as a voter, having them signed as the leader, proofs for others,
 * and the check of one's own log. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_*
 */
export async function buildHeads(
  components: NodeComponents,
  { meshLog, trust, streams, view, gossip, snapshots }: Ground,
  leadership: Leadership & Pick<Consensus, 'handOver'>,
): Promise<HeadParts> {
  const { log, store, crypto, clock, signer } = components;
  const logger = components.logger.child('cooee:slurp:heads');
  const signing = { ...components, meshLog, trust, logger, leadership, marks: snapshots };
  const headSigner = new HeadSigner(signing);
  await headSigner.open();
  const heads = new HeadService({
    ...signing,
    signer: headSigner,
    self: signer.peer,
    requester: streams,
    sources: view.sources,
    onOutvoted: () => leadership.handOver(),
    publish: (bytes, key) => gossip.publish('slurp', bytes, key),
  });
  const refresh = (): Promise<void> => heads.refresh();
  const proofs = new ProofMaker({ meshLog, trust, store, crypto, logger, refresh });
  await proofs.open();
  const { meshId } = meshLog;
  const logVerifier = new LogVerifier({ meshId, log, trust, tree: proofs.tree, crypto, clock });
  return { heads, headSigner, proofs, logVerifier };
}
