import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';
import { createTicketSigner, Sessions } from '../sessions/index.ts';

/** Who may act as which agent of this host. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* */
export async function buildSessions(
  components: NodeComponents,
  { meshId }: NodeInit,
  { meshLog, state }: Pick<NodeParts, 'meshLog' | 'state'>,
): Promise<Sessions> {
  const { store, clock, random, crypto } = components;
  const signer = createTicketSigner(components.privateKey);
  const logger = components.logger.child('cooee:sessions');
  const sessions = new Sessions(
    { store, state, clock, random, crypto, signer, logger },
    { peer: components.signer.peer, meshId },
  );
  await sessions.open();
  meshLog.addHook((entry) => sessions.writesFor(entry));
  meshLog.onApplied((entry) => sessions.onApplied(entry));
  meshLog.onReplaced(() => sessions.onReplaced());
  return sessions;
}
