import { describe, expect, it } from 'vitest';
import type { StateReader } from '../../../protocols/interface/index.ts';
import { resolveRecord } from '../../../protocols/records/index.ts';
import { alice, claimed, makeClaim, tuple } from '../enrolment/fixtures.ts';
import { at, PEER, PLACE, RecordWorld } from './fixture.ts';

// Goal: reading a record costs a few keys, whatever else there is. Method: the same reads in a
// state of ten records and in one of 10,000, with every access counted.

function worldOf(submissions: number): RecordWorld {
  const world = new RecordWorld();
  const models = Array.from({ length: 16 }, (_, slot) => tuple('llama3-70b', String(slot)));
  world.grant(makeClaim(alice, models.map(claimed)));
  for (let n = 0; n < 5; n++) world.member(n + 3, 'member:role');
  world.announce(1);
  for (let n = 0; n < submissions; n++) world.submit(`dr/${n % (submissions / 10)}`, n + 20);
  return world;
}

function readsOf(world: RecordWorld, address: string): number {
  let reads = 0;
  const state: StateReader = {
    get: (table, key) => {
      reads += 1;
      return world.state.get(table, key);
    },
    entries: () => {
      throw new Error('a table is scanned');
    },
    size: () => {
      throw new Error('a table is counted');
    },
  };
  const { record, version } = resolveRecord({ ...world.source, state }, address);
  record.at(version);
  return reads;
}

describe('the cost of a read', () => {
  const [few, many] = [worldOf(10), worldOf(10_000)];

  it.each([
    ['a submission', at('dr/0'), 2],
    ['an old version of a submission', `${PLACE}/*~2/dr/0`, 3],
    ['an agent', 'ucxl://any:admin@COOEE:enrol/#/agentid/0/3', 2],
    ['an agent by its token', 'ucxl://agentid:4001Y', 3],
    ['an agent by its tiny hash', 'ucxl://agentid:4TF5ED5V08', 4],
    ['the 16 agents of a number', 'ucxl://any:admin@COOEE:enrol/#/agentid/0', 18],
    ['a member', `ucxl://any:admin@COOEE:mesh/~~2/member/${PEER}`, 3],
    ['the leader', 'ucxl://any:admin@COOEE:slurp/#/leader', 2],
  ])('%s', (_, address, reads) => {
    if (!address.includes('*~2')) expect(readsOf(few, address)).toBe(reads);
    expect(readsOf(many, address)).toBe(reads);
  });
});
