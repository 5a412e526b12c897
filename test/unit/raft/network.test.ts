import { describe, expect, it } from 'vitest';
import { type Faults, RandomNetwork } from './random-network.ts';

// Goal: the safety properties of the paper's figure 3 hold whatever the network and the disks do,
// and whoever is left agrees again when the faults end. Method: cores over a random network; every
// failure names its seed.
const CALM: Faults = {
  drop: 0,
  duplicate: 0,
  crash: 0,
  cut: 0,
  compact: 0,
  change: 0,
  transfer: 0,
  freeze: 0,
};
const LOSSY: Faults = { ...CALM, drop: 0.1, duplicate: 0.1 };
const HARSH: Faults = {
  drop: 0.1,
  duplicate: 0.1,
  crash: 0.004,
  cut: 0.01,
  compact: 0.01,
  change: 0,
  transfer: 0.002,
  freeze: 0.002,
};
const CHANGING: Faults = { ...HARSH, change: 0.02 };

const PROFILES: readonly (readonly [string, readonly string[], readonly string[], Faults])[] = [
  ['calm', ['a', 'b', 'c'], ['a', 'b', 'c'], CALM],
  ['lossy', ['a', 'b', 'c'], ['a', 'b', 'c'], LOSSY],
  ['harsh, three', ['a', 'b', 'c'], ['a', 'b', 'c'], HARSH],
  ['harsh, five', ['a', 'b', 'c', 'd', 'e'], ['a', 'b', 'c', 'd', 'e'], HARSH],
  ['changing', ['a', 'b', 'c', 'd', 'e'], ['a', 'b', 'c'], CHANGING],
];

const SEEDS = Number(process.env['RAFT_SEEDS'] ?? 25);
const STEPS = 3_000;
const TIMEOUT_MS = 10_000 + SEEDS * 1_000;

describe('cores over a bad network', () => {
  it.each(PROFILES)(
    '%s: are safe, and agree when it ends',
    (_name, ids, voters, faults) => {
      let committed = 0;
      for (let seed = 1; seed <= SEEDS; seed++) committed += run(seed, ids, voters, faults);
      expect(committed).toBeGreaterThan(SEEDS * 20);
    },
    TIMEOUT_MS,
  );
});

function run(
  seed: number,
  ids: readonly string[],
  voters: readonly string[],
  faults: Faults,
): number {
  const network = new RandomNetwork(ids, voters, seed, faults);
  try {
    for (let step = 0; step < STEPS; step++) network.step();
    network.settle(5_000);
    expectAgreement(network);
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
  }
  return network.committedCount;
}

function expectAgreement(network: RandomNetwork): void {
  const { leader } = network;
  if (leader === undefined) {
    const seen = [...network.nodes.values()].map((node) => node.core.status);
    throw new Error(`nobody leads: ${JSON.stringify(seen)}`);
  }
  const { status } = leader.core;
  for (const peer of status.configuration.voters) {
    const other = network.nodes.get(peer)!.core.status;
    expect({ peer, commit: other.commit, leader: other.leader, term: other.term }).toEqual({
      peer,
      commit: status.commit,
      leader: status.leader,
      term: status.term,
    });
  }
}
