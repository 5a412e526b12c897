import type { Configuration } from './types.ts';

/** Peers in one configuration: far more than the mesh seats, and a bound for hostile input. */
const PEERS_MAX = 1_024;

/** Whether it can be one at all: at least one voter, nobody twice. */
export function isConfiguration(configuration: Configuration): boolean {
  const { voters, learners } = configuration;
  if (!Array.isArray(voters) || !Array.isArray(learners)) return false;
  const peers = [...voters, ...learners];
  return (
    voters.length > 0 &&
    peers.length <= PEERS_MAX &&
    peers.every((peer) => typeof peer === 'string' && peer !== '') &&
    new Set(peers).size === peers.length
  );
}

/** Whether the peer votes in it or learns by it. */
export function isMember(configuration: Configuration, peer: string): boolean {
  return configuration.voters.includes(peer) || configuration.learners.includes(peer);
}

/**
 * Whether one may follow the other at once: any majority of the one meets any majority of the other
 * only when they differ by at most one voter (Ongaro 2014, section 4.1). Learners are free.
 */
export function isSingleChange(from: Configuration, to: Configuration): boolean {
  const gone = from.voters.filter((voter) => !to.voters.includes(voter)).length;
  const added = to.voters.filter((voter) => !from.voters.includes(voter)).length;
  return gone + added <= 1;
}
