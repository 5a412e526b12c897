import type { NodeLife } from '../../../mesh/node-life.ts';
import type { CallFacts } from '../call.ts';
import { nameIn, waitingFacts, wayFacts } from './way-facts.ts';

/** What this node knows of a call. @throws CooeeError ERR_STORAGE_* */
export function callFacts(node: NodeLife, id: string, nowMs: number): CallFacts {
  const { state, outbox, seen } = node.parts;
  const command = [...outbox.undecided()].find((it) => it.id === id && it.kind === 'call.open');
  return {
    id,
    nowMs,
    call: state.get('call', id),
    waiting: command === undefined ? undefined : waitingFacts(node, command),
    refused: seen.calls.get(id),
    way: wayFacts(node, nowMs),
    webhooks: node.init.webhooks?.length ?? 0,
    nameOf: (peer) => nameIn(node, peer),
  };
}
