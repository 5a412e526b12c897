import type { Clock } from '../../../../protocols/interface/index.ts';
import type { NodeLife } from '../../../mesh/node-life.ts';
import { livenessOf } from '../../liveness.ts';
import type { PeerFacts } from '../peer.ts';
import { deedAt } from './deed-at.ts';
import { nameIn } from './way-facts.ts';

/** What this node knows of a peer. @throws CooeeError ERR_STORAGE_* */
export async function peerFacts(node: NodeLife, peer: string, clock: Clock): Promise<PeerFacts> {
  const { state, redial, view, seen, guard, records, meshLog } = node.parts;
  const member = state.get('member', peer);
  const removedIndex = member?.removedIndex ?? null;
  const removal =
    removedIndex === null
      ? undefined
      : await deedAt(node, removedIndex, { kind: 'member.remove', subject: peer });
  const tried = redial.states().find((it) => it.peer === peer);
  const nextAtMs = tried?.nextAtMs;
  return {
    peer,
    nowMs: clock.nowMs(),
    member,
    removal,
    isSelf: peer === node.self,
    verdict: guard.verdict,
    isConnected: peer === node.self || view.isConnected(peer),
    liveness: livenessOf(node.parts, peer),
    redial:
      tried === undefined
        ? undefined
        : {
            ...{ attempts: tried.attempts, lastError: tried.lastError },
            nextInMs:
              nextAtMs === undefined ? undefined : Math.max(0, nextAtMs - clock.monotonicMs()),
          },
    turnedAway: seen.door.of(peer),
    isBehind: records.resolver.isBehind,
    appliedIndex: meshLog.appliedIndex,
    nameOf: (it) => nameIn(node, it),
  };
}
