import { meshOf } from '../../../../protocols/membership/index.ts';
import type { Command } from '../../../../protocols/slurp/index.ts';
import type { NodeLife } from '../../../mesh/node-life.ts';
import type { FailedDelivery } from '../../../submissions/relays.ts';
import { rivalsOf } from '../../slurp-view.ts';
import type { WaitingFacts, WayFacts } from '../way.ts';

/** The name of a member, or the end of its id. */
export function nameIn({ parts }: NodeLife, peer: string): string {
  return parts.state.get('member', peer)?.name ?? `…${peer.slice(-8)}`;
}

/** What stands between this node's outbox and the log now. */
export function wayFacts(node: NodeLife, nowMs: number): WayFacts {
  const { state, view, guard, relays } = node.parts;
  const isUp = (peer: string): boolean => peer === node.self || view.isConnected(peer);
  const voters = meshOf(state)?.voters ?? [];
  const rivals = rivalsOf(node.parts);
  const leader = rivals === undefined ? view.leader() : undefined;
  const { failure } = relays;
  return {
    nowMs,
    verdict: guard.verdict,
    rivals,
    leader: leader === undefined ? undefined : nameIn(node, leader),
    isLeaderReached: leader !== undefined && isUp(leader),
    votersUp: voters.filter(isUp).length,
    voters: voters.length,
    away: voters.filter((peer) => !isUp(peer)).map((peer) => nameIn(node, peer)),
    failure: failureFacts(node, failure),
  };
}

function failureFacts(node: NodeLife, failure: FailedDelivery | undefined): WayFacts['failure'] {
  if (failure === undefined) return undefined;
  const { error, atMs } = failure;
  const without = peersIn(error.details['voters']).map((peer) => nameIn(node, peer));
  return { code: error.code, message: error.message, atMs, without };
}

/** Peer ids that an error of another node names. */
function peersIn(text: unknown): readonly string[] {
  if (typeof text !== 'string') return [];
  return text
    .split(' ')
    .filter((it) => it !== '')
    .slice(0, 9);
}

/** Where a command is in the outbox. */
export function waitingFacts(node: NodeLife, command: Command): WaitingFacts {
  const { parts } = node;
  if (parts.outbox.held.has(command)) {
    const failure = failureFacts(node, parts.blockCourier.failureOf(command));
    return { acceptedMs: command.timeMs, takenMs: undefined, ahead: 0, heldBack: { failure } };
  }
  let ahead = 0;
  for (const { id } of parts.outbox.undecided()) {
    if (id === command.id) break;
    ahead++;
  }
  return { acceptedMs: command.timeMs, takenMs: parts.relays.takenMs(command), ahead };
}
