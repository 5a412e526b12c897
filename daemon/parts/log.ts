import { CooeeError } from '../../protocols/interface/index.ts';
import { StandingBook } from '../../protocols/membership/index.ts';
import { MeshLog, mendInstall, TrustBook } from '../../protocols/slurp/index.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';
import { letHeapGrow } from '../system/heap.ts';
import { LEVELS } from '../system/version.ts';
import { buildWebhooks } from './webhooks.ts';

/** What was agreed on, and what hears of each entry from the first one on. */
type LogParts = Pick<NodeParts, 'meshLog' | 'state' | 'standing' | 'trust' | 'webhooks'>;

/**
 * The log and the state that follows from it: who is a member stands there.
 *
 * @throws CooeeError ERR_STORAGE_*, ERR_WIRE_*; ERR_SLURP_SUPERSEDED when the operator recovered
 * the mesh from a log that lacks entries of this one
 */
export async function buildLog(components: NodeComponents, init: NodeInit): Promise<LogParts> {
  const { log, store, crypto, clock, random, health, metrics } = components;
  const logger = components.logger.child('cooee:slurp:log');
  const meshLog = new MeshLog(
    { log, store, crypto, clock, random, health, metrics, logger },
    {
      meshId: init.meshId,
      snapshotEveryEntries: init.snapshotEveryEntries,
      levelMax: LEVELS[1],
    },
  );
  if (await mendInstall({ log, store, crypto })) logger.info({}, 'a snapshot was installed');
  const webhooks = buildWebhooks(components, init, meshLog);
  await meshLog.open();
  letHeapGrow(meshLog);
  const trust = new TrustBook({ meshLog, store, crypto, health, metrics, logger }, init.anchor);
  await trust.open();
  if (trust.epochs.isSuperseded) throw new CooeeError('ERR_SLURP_SUPERSEDED');
  const vouched = [...init.vouched.map(({ peer }) => peer), ...init.anchor.voters];
  return {
    meshLog,
    trust,
    webhooks,
    state: meshLog.state,
    standing: new StandingBook(meshLog.state, vouched, components.signer.peer),
  };
}
