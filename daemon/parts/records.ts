import { decodeClaim } from '../../protocols/enrolment/index.ts';
import { MeshRecords, RecordJudge } from '../../protocols/slurp/index.ts';
import { dhtOf } from '../libp2p/dht-records.ts';
import type { NodeComponents, NodeParts } from '../node.ts';

/** Who decides which records the DHT takes: there before the network is. */
export function buildJudge(
  { crypto, metrics }: NodeComponents,
  { meshLog, trust }: Pick<NodeParts, 'meshLog' | 'trust'>,
): RecordJudge {
  return new RecordJudge({ meshLog, trust, crypto, metrics, decodeClaim });
}

/** What {@link buildRecords} works with. */
type Ground = Pick<
  NodeParts,
  'consensus' | 'meshLog' | 'network' | 'proofs' | 'recordJudge' | 'snapshots' | 'trust'
>;

/** This node's part in the records of the DHT. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* */
export async function buildRecords(
  components: NodeComponents,
  { consensus, meshLog, network, proofs, recordJudge, snapshots, trust }: Ground,
): Promise<MeshRecords> {
  const self = components.signer.peer;
  const logger = components.logger.child('cooee:slurp:dht');
  const records = new MeshRecords({
    ...{ ...components, meshLog, trust, logger, self },
    tree: proofs.tree,
    judge: recordJudge,
    dht: dhtOf(network.node.services.dht, self, logger),
    isLeader: () => consensus.isLeader,
    stateCid: () => snapshots.latest()?.stateCid,
  });
  await records.open();
  meshLog.addHook((entry) => records.writesFor(entry));
  snapshots.onMark(() => records.onMark());
  return records;
}
