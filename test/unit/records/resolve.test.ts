import { beforeEach, describe, expect, it } from 'vitest';
import {
  type CallRecord,
  type CooeeError,
  isCooeeError,
  revise,
} from '../../../protocols/interface/index.ts';
import { resolveRecord } from '../../../protocols/records/index.ts';
import { callAddress } from '../../../protocols/ucxl/index.ts';
import { admin, alice, bob, claimed, makeClaim, tuple } from '../enrolment/fixtures.ts';
import { at, member, PEER, PLACE, RecordWorld } from './fixture.ts';

// Goal: one resolver gives every kind of record, as it is and as it was, in the log's order.

const ENROL = 'ucxl://any:admin@COOEE:enrol';
const MEMBER = 'ucxl://any:admin@COOEE:mesh';
const LEADER = 'ucxl://any:admin@COOEE:slurp';

let world: RecordWorld;
beforeEach(() => {
  world = new RecordWorld();
});

/** What an address gives: its kind, version and value. */
function read(address: string) {
  const { kind, record, version } = resolveRecord(world.source, address);
  return { kind, address: record.address, versions: record.versions, ...record.at(version) };
}

function refusalOf(address: string): CooeeError | undefined {
  try {
    read(address);
    return undefined;
  } catch (error) {
    if (isCooeeError(error)) return error;
    throw error;
  }
}

describe('an agent', () => {
  beforeEach(() => {
    const agents = [tuple('llama3-70b'), tuple('llama3-70b', '3'), tuple('mistral')];
    world.grant(makeClaim(alice, agents.map(claimed)));
    world.retire('4001Y', alice.peer);
    world.rebind('4001Y', bob.peer, admin.peer);
  });
  const address = `${ENROL}/#/agentid/0/0`;

  it.each([address, 'ucxl://agentid:4001Y', 'ucxl://agentid:4-ooly'])('is named by %s', (text) => {
    expect(read(text)).toMatchObject({
      ...{ kind: 'agent', address, version: 3, versions: 3, index: 13, cause: 'agent:rebind' },
      value: { token: '4001Y', peer: bob.peer, retiredIndex: 12 },
    });
  });

  it('is named by the tiny hash of its tuple, short and in full, also as it was', () => {
    const short = { kind: 'agent', address, version: 3, value: { token: '4001Y' } };
    expect(read('ucxl://agentid:4TF5ED5V08')).toMatchObject(short);
    const full = read(`${ENROL}/*~1/agentid/4TF5ED5V08`);
    expect(full).toMatchObject({ kind: 'enrolment', address, version: 1, cause: 'agent:grant' });
    expect(full.value).toMatchObject({ retiredIndex: null, peer: alice.peer });
  });

  it.each([
    ['~~', 2, 'agent:retire', alice.peer, 12],
    ['~~1', 2, 'agent:retire', alice.peer, 12],
    ['~~2', 1, 'agent:grant', alice.peer, null],
    ['*~1', 1, 'agent:grant', alice.peer, null],
    ['*~3', 3, 'agent:rebind', bob.peer, 12],
    ['*^', 3, 'agent:rebind', bob.peer, 12],
  ])('is read at %s', (temporal, version, cause, peer, retiredIndex) => {
    const found = read(`${ENROL}/${temporal}/agentid/0/0`);
    expect(found).toMatchObject({ version, cause, value: { peer, retiredIndex } });
  });

  it('is listed by its number, with each agent as it was then', () => {
    const tokens = (text: string) =>
      (read(text).value as { agents: { token: string; peer: string }[] }).agents;
    expect(read(`${ENROL}/#/agentid/0`)).toMatchObject({ kind: 'agent', version: 3, index: 13 });
    expect(tokens(`${ENROL}/#/agentid/0`)).toMatchObject([
      { token: '4001Y', gpuSlot: 0, peer: bob.peer, retiredIndex: 12 },
      { gpuSlot: 3, peer: bob.peer, retiredIndex: null },
    ]);
    expect(tokens(`${ENROL}/~~/agentid/0`)).toMatchObject([
      { peer: alice.peer, retiredIndex: 12 },
      { peer: alice.peer, retiredIndex: null },
    ]);
    expect(tokens(`${ENROL}/*~1/agentid/0`)).toMatchObject([
      { retiredIndex: null },
      { retiredIndex: null },
    ]);
    // One claim makes one version of a list, however many of its agents it grants.
    expect(read(`${ENROL}/#/agentid/1`)).toMatchObject({ version: 2, index: 13 });
  });

  it('that shares its tiny hash with another is shown with it', () => {
    world.write((state) => state.put('tiny', '4TF5ED5V08', ['4001Y', '4005M']));
    world.write((state) => {
      const agent = state.get('agent', '4001Y')!;
      state.put('agent', '4005M', { ...agent, token: '4005M', number: 1 });
    });
    const found = read('ucxl://agentid:4TF5ED5V08');
    expect(found).toMatchObject({ address: `${ENROL}/#/agentid/4TF5ED5V08`, versions: 1 });
    expect(found.value).toMatchObject({ agents: [{ number: 0 }, { number: 1 }] });
  });

  it.each([
    ['a token that nobody has', 'ucxl://agentid:458RV', 'ERR_API_NOT_FOUND'],
    ['a mistyped token', 'ucxl://agentid:4001Z', 'ERR_AGENT_ID_CHECKSUM'],
    ['a tiny hash of nobody', 'ucxl://agentid:4TF5ED5V09', 'ERR_API_NOT_FOUND'],
    ['a slot that is free', `${ENROL}/#/agentid/0/7`, 'ERR_API_NOT_FOUND'],
    ['a number that is free', `${ENROL}/#/agentid/9`, 'ERR_API_NOT_FOUND'],
    ['something else there', `${ENROL}/#/agents`, 'ERR_API_NOT_FOUND'],
  ])('is not %s', (_, text, code) => {
    expect(refusalOf(text)?.code).toBe(code);
  });
});

describe('a member', () => {
  it('is shown as it is now, and as it was', () => {
    world.member(3, 'member:join');
    world.member(5, 'member:role', { role: 'curator' });
    // A start: a change between versions.
    world.write((state) => state.put('member', PEER, member({ role: 'curator', boot: 9 })));
    const name = `member/${PEER}`;
    expect(read(`${MEMBER}/#/${name}`)).toMatchObject({
      ...{ kind: 'member', version: 2, index: 5, timeMs: 5_000, cause: 'member:role' },
      value: { role: 'curator', boot: 9 },
    });
    expect(read(`${MEMBER}/~~/${name}`)).toMatchObject({ version: 1, value: { role: 'member' } });
    expect(refusalOf(`${MEMBER}/#/member/${PEER}x`)?.code).toBe('ERR_API_NOT_FOUND');
    expect(refusalOf(`${MEMBER}/#/member/${PEER}/x`)?.code).toBe('ERR_API_NOT_FOUND');
  });
});

describe("the leader's recipient", () => {
  it('has a version a term', () => {
    for (const term of [1, 2, 5]) world.announce(term);
    expect(read(`${LEADER}/#/leader`)).toMatchObject({
      ...{ kind: 'leader', version: 3, value: { term: 5, recipient: 'age15' } },
    });
    expect(read(`${LEADER}/~~2/leader`)).toMatchObject({ version: 1, value: { term: 1 } });
  });
});

describe('a call', () => {
  it('has a version for each step of its life', () => {
    const address = callAddress('bafyreicall');
    const call: CallRecord = {
      ...{ id: 'bafyreicall', number: 1, asker: { peer: PEER }, question: 'Q?', context: '' },
      ...{ options: [], severity: 'info', onTimeout: 'wait', state: 'open', index: 20 },
      ...{ timeMs: 0, deadlineMs: 9, lengthMs: 9, escalations: 0, fence: 0 },
    };
    world.write((state) => {
      const at = (index: number) => ({ index, timeMs: index, cause: 'call:step' });
      revise(state, address, at(20), call);
      revise(state, address, at(21), { ...call, state: 'withdrawn' });
    });
    expect(read(address)).toMatchObject({
      kind: 'call',
      version: 2,
      value: { state: 'withdrawn' },
    });
    const before = read('ucxl://any:human@COOEE:help/~~/call/bafyreicall');
    expect(before).toMatchObject({ address, version: 1, index: 20, value: { state: 'open' } });
    expect(refusalOf(`${address}x`)?.code).toBe('ERR_API_NOT_FOUND');
  });
});

describe('a submission', () => {
  it('is read in any of its versions, each with its id', () => {
    for (const index of [20, 21, 30]) world.submit('dr/1', index);
    const latest = { version: 3, id: 'dr/1-3', index: 30, timeMs: 30_000 };
    expect(read(at('dr/1'))).toMatchObject({ kind: 'submission', versions: 3, ...latest });
    expect(read(`${PLACE}/~~2/dr/1`)).toMatchObject({ id: 'dr/1-1', title: 'Title dr/1-1' });
    expect(read(`${PLACE}/*~2/dr/1`)).toMatchObject({ id: 'dr/1-2', index: 21 });
    expect(refusalOf(at('dr'))?.code).toBe('ERR_API_NOT_FOUND');
    expect(refusalOf(`ucxl://any@shop:checkout/#/dr/1`)?.code).toBe('ERR_API_NOT_FOUND');
  });

  it('linked to from its own address is the one before', () => {
    for (const index of [20, 21, 30]) world.submit('a', index);
    const linked = (temporal: string, version: number) =>
      resolveRecord(world.source, `${PLACE}/${temporal}/a`, { address: at('a'), version }).version;
    expect(linked('#', 3)).toBe(2);
    expect(linked('#', 2)).toBe(1);
    expect(linked('~~', 3)).toBe(1);
    expect(linked('*~3', 2)).toBe(3);
    expect(() => linked('#', 1)).toThrow(expect.objectContaining({ code: 'ERR_RECORDS_VERSION' }));
    const elsewhere = { address: at('b'), version: 1 };
    expect(resolveRecord(world.source, at('a'), elsewhere).version).toBe(3);
  });
});

describe('out of range', () => {
  it.each(['~~3', '~~999999999999999', '^^', '^^1', '^^7', '*~4', '*~999999999999999'])(
    '%s is refused with how many there are',
    (temporal) => {
      for (const index of [20, 21, 30]) world.submit('a', index);
      expect(refusalOf(`${PLACE}/${temporal}/a`)).toMatchObject({
        code: 'ERR_RECORDS_VERSION',
        message: 'the record has no such version: there are 3 versions',
        details: { versions: 3, address: at('a') },
      });
    },
  );

  it('is another thing than nothing at all, and than no address', () => {
    expect(refusalOf(`${PLACE}/~~3/none`)?.code).toBe('ERR_API_NOT_FOUND');
    expect(refusalOf(`${PLACE}/~~0/none`)?.code).toBe('ERR_UCXL_TEMPORAL');
    expect(refusalOf('shop')?.code).toBe('ERR_UCXL_SYNTAX');
  });

  it('is told from a store that lost a version', () => {
    for (const index of [20, 21]) world.submit('a', index);
    world.write((state) => state.delete('submission', 'a-1'));
    expect(refusalOf(`${PLACE}/~~/a`)).toMatchObject({
      code: 'ERR_STORAGE_DAMAGED',
      details: { address: at('a'), version: 1 },
    });
    world.announce(1);
    world.write((state) => state.put('revised', `${LEADER}/#/leader`, 2));
    expect(refusalOf(`${LEADER}/#/leader`)?.code).toBe('ERR_STORAGE_DAMAGED');
  });
});
