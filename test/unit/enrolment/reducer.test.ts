import { describe, expect, it, vi } from 'vitest';
import type { GrantValue } from '../../../protocols/enrolment/index.ts';
import { CooeeError, type Outcome } from '../../../protocols/interface/index.ts';
import {
  admin,
  alice,
  bob,
  claimed,
  dump,
  makeClaim,
  makeSigner,
  OTHER_MESH,
  tuple,
  World,
} from './fixtures.ts';

const tokens = (outcome: Outcome): string[] => {
  if (!outcome.ok) throw new Error(outcome.code);
  return (outcome.value as GrantValue).agents.map(({ token }) => token);
};

describe('reduceGrant', () => {
  it('grants tokens, one number for a model on a host, the GPU index as its slot', () => {
    const world = new World();
    const agents = [tuple('llama3-70b'), tuple('llama3-70b', '3'), tuple('mistral', '15')];
    const outcome = world.grant(makeClaim(alice, agents.map(claimed)));
    expect(outcome).toMatchObject({
      ok: true,
      value: {
        agents: [
          { token: '4001Y', number: 0, slot: 0, isNew: true },
          { number: 0, slot: 3, isNew: true },
          { number: 1, slot: 15, isNew: true },
        ],
      },
    });
    const [first, second] = tokens(outcome);
    expect(world.state.get('agent', first!)).toMatchObject({
      ...tuple('llama3-70b'),
      peer: alice.peer,
      grantedIndex: 11,
      retiredIndex: null,
    });
    expect(world.state.get('number', '0')?.slots).toEqual({ 0: first, 3: second });
    expect(world.state.get('host', 'alpha-node|aabbccddee01')).toBe(alice.peer);
    const events = outcome.ok ? (outcome.events ?? []) : [];
    expect(events.map(({ type }) => type)).toEqual(Array(3).fill('agent:grant'));
    const tiny = world.state.get('agent', first!)!.tinyHash;
    expect(world.state.get('tiny', tiny)).toEqual([first]);
  });

  it('gives the published vector its hash and tiny hash', () => {
    const world = new World();
    const [token] = tokens(world.grant(makeClaim(alice, [claimed(tuple('llama3-70b'))])));
    expect(world.state.get('agent', token!)).toMatchObject({
      hash: '9a795cd2ec088c75c010e251827e762c6ff3865d36c66dd9581d8e47a9b4951e',
      tinyHash: '4TF5ED5V08',
    });
  });

  it('gives the same tuple the same token, without an event', () => {
    const world = new World();
    const agents = [claimed(tuple('a')), claimed(tuple('b'))];
    const first = tokens(world.grant(makeClaim(alice, agents)));
    const again = world.grant(makeClaim(alice, [...agents].reverse(), { seq: 2 }));
    expect(tokens(again)).toEqual([...first].reverse());
    expect(again).toMatchObject({
      ok: true,
      events: [],
      value: { agents: [{ isNew: false }, {}] },
    });
  });

  it('is no refusal when versions cannot be read: other nodes can, and grant it', () => {
    const world = new World();
    world.grant(makeClaim(alice, [claimed(tuple('a'))]));
    const before = dump(world.state);
    const get = world.state.get.bind(world.state);
    const broken = vi.spyOn(world.state, 'get').mockImplementation((table, key) => {
      if (table === 'revised') throw new CooeeError('ERR_STORAGE_IO');
      return get(table, key);
    });
    const claim = makeClaim(alice, [claimed(tuple('a', '1'))], { seq: 2 });
    expect(() => world.grant(claim)).toThrow(expect.objectContaining({ code: 'ERR_STORAGE_IO' }));
    broken.mockRestore();
    expect(dump(world.state)).toEqual(before);
    expect(world.grant(claim).ok).toBe(true);
  });

  it('decides a claim once, and a later one above it only', () => {
    const world = new World();
    const claim = makeClaim(alice, [claimed(tuple('a'))], { boot: 3, seq: 7 });
    expect(world.grant(claim).ok).toBe(true);
    const before = dump(world.state);
    for (const [boot, seq] of [
      [3, 7],
      [3, 6],
      [2, 99],
    ] as const) {
      const old = makeClaim(alice, [claimed(tuple('z'))], { boot, seq });
      expect(world.grant(old)).toMatchObject({ ok: false, code: 'ERR_ENROLMENT_REPLAY' });
    }
    expect(world.grant(claim)).toMatchObject({ ok: false, code: 'ERR_ENROLMENT_REPLAY' });
    expect(dump(world.state)).toEqual(before);
    expect(world.grant(makeClaim(alice, [claimed(tuple('z'))], { boot: 4 })).ok).toBe(true);
  });

  it('revives a retired agent by a new claim, never by a replayed one', () => {
    const world = new World();
    const claim = makeClaim(alice, [claimed(tuple('a'))]);
    const [token] = tokens(world.grant(claim));
    expect(world.retire(token!, alice.peer)).toMatchObject({ ok: true });
    expect(world.grant(claim)).toMatchObject({ ok: false, code: 'ERR_ENROLMENT_REPLAY' });
    expect(world.state.get('agent', token!)?.retiredIndex).not.toBeNull();
    const revived = world.grant(makeClaim(alice, [claimed(tuple('a'))], { seq: 2 }));
    expect(tokens(revived)).toEqual([token]);
    expect(revived).toMatchObject({ events: [{ type: 'agent:grant', data: { isNew: false } }] });
    expect(world.state.get('agent', token!)?.retiredIndex).toBeNull();
  });

  it('never gives the number of a retired agent to another', () => {
    const world = new World();
    const [token] = tokens(world.grant(makeClaim(alice, [claimed(tuple('a'))])));
    world.retire(token!, alice.peer);
    const [next] = tokens(world.grant(makeClaim(alice, [claimed(tuple('b'))], { seq: 2 })));
    expect(next).not.toBe(token);
    expect(world.state.get('agent', next!)?.number).not.toBe(0);
  });

  it('binds a host to the first node that claims it', () => {
    const world = new World();
    world.grant(makeClaim(alice, [claimed(tuple('a'))]));
    const before = dump(world.state);
    expect(world.grant(makeClaim(bob, [claimed(tuple('b'))]))).toMatchObject({
      ok: false,
      code: 'ERR_ENROLMENT_HOST_BOUND',
      details: { owner: alice.peer },
    });
    // The number of the refused claim is used up; nothing else was written.
    expect(world.state.get('enrolment', bob.peer)).toEqual({ boot: 1, seq: 1 });
    world.write((state) => state.delete('enrolment', bob.peer));
    expect(dump(world.state)).toEqual(before);
    const elsewhere = makeClaim(bob, [claimed(tuple('b', '0', 'beta-node'))], { seq: 2 });
    expect(world.grant(elsewhere).ok).toBe(true);
  });

  it('keeps a refused claim refused, whatever changes later', () => {
    const world = new World();
    const granted = world.grant(makeClaim(alice, [claimed(tuple('a'))]));
    const refused = makeClaim(bob, [claimed(tuple('b'))], { boot: 1, seq: 5 });
    expect(world.grant(refused)).toMatchObject({ code: 'ERR_ENROLMENT_HOST_BOUND' });
    expect(world.rebind(tokens(granted)[0]!, bob.peer, admin.peer)).toMatchObject({ ok: true });
    expect(world.grant(refused)).toMatchObject({ code: 'ERR_ENROLMENT_REPLAY' });
    const anew = makeClaim(bob, [claimed(tuple('b'))], { boot: 1, seq: 6 });
    expect(world.grant(anew)).toMatchObject({ ok: true });
  });

  it('believes no leader: forged, foreign, stranger, removed, malformed', () => {
    const world = new World();
    const agents = [claimed(tuple('a'))];
    const stranger = makeSigner(9);
    const cases: [string, Uint8Array][] = [
      ['ERR_SLURP_SIGNATURE', makeClaim({ peer: alice.peer, sign: bob.sign }, agents)],
      ['ERR_ENROLMENT_MESH', makeClaim(alice, agents, { mesh: OTHER_MESH })],
      ['ERR_MEMBERSHIP_NOT_MEMBER', makeClaim(stranger, agents)],
      ['ERR_ENROLMENT_MALFORMED', new Uint8Array([1, 2, 3])],
      ['ERR_ENROLMENT_MALFORMED', makeClaim(alice, [{ ...agents[0]!, model: 'b' }])],
      ['ERR_ENROLMENT_MIXED_HOSTS', makeClaim(alice, [...agents, claimed(tuple('b', '0', 'c'))])],
    ];
    const before = dump(world.state);
    for (const [code, claim] of cases)
      expect(world.grant(claim)).toMatchObject({ ok: false, code });
    world.remove(alice.peer);
    expect(world.grant(makeClaim(alice, agents))).toMatchObject({
      ok: false,
      code: 'ERR_MEMBERSHIP_NOT_MEMBER',
    });
    expect(dump(world.state)).toEqual(before);
  });
});

describe('reduceRetire', () => {
  it('lets a member retire its own, an admin any, and nobody else', () => {
    const world = new World();
    const agents = [claimed(tuple('a')), claimed(tuple('b'))];
    const [a, b] = tokens(world.grant(makeClaim(alice, agents)));
    expect(world.retire(a!, bob.peer)).toMatchObject({ code: 'ERR_MEMBERSHIP_FORBIDDEN' });
    expect(world.retire(a!, alice.peer)).toMatchObject({
      ok: true,
      events: [{ type: 'agent:retire', data: { token: a } }],
    });
    expect(world.retire(a!, alice.peer)).toEqual({ ok: true, value: { token: a } });
    expect(world.retire(b!, admin.peer)).toMatchObject({ ok: true });
    expect(world.retire('7ZZY5', admin.peer)).toMatchObject({ code: 'ERR_API_NOT_FOUND' });
    world.remove(alice.peer);
    expect(world.retire(a!, alice.peer)).toMatchObject({ code: 'ERR_MEMBERSHIP_NOT_MEMBER' });
  });
});

describe('reduceRebind', () => {
  it('is refused to an admin who is a member no more', () => {
    const world = new World();
    const [token] = tokens(world.grant(makeClaim(alice, [claimed(tuple('a'))])));
    world.remove(admin.peer);
    expect(world.rebind(token!, bob.peer, admin.peer)).toMatchObject({
      code: 'ERR_MEMBERSHIP_NOT_MEMBER',
    });
  });

  it('moves the whole host, for admins only, to members only', () => {
    const world = new World();
    const agents = [claimed(tuple('a')), claimed(tuple('b', '1'))];
    const granted = tokens(world.grant(makeClaim(alice, agents)));
    const [a] = granted;
    world.retire(a!, alice.peer);
    expect(world.rebind(a!, bob.peer, alice.peer)).toMatchObject({
      code: 'ERR_MEMBERSHIP_FORBIDDEN',
    });
    expect(world.rebind(a!, makeSigner(9).peer, admin.peer)).toMatchObject({
      code: 'ERR_MEMBERSHIP_UNKNOWN_PEER',
    });
    expect(world.rebind('7ZZY5', bob.peer, admin.peer)).toMatchObject({
      code: 'ERR_API_NOT_FOUND',
    });
    const moved = world.rebind(a!, bob.peer, admin.peer);
    const events = moved.ok ? (moved.events ?? []) : [];
    expect(events.map(({ data }) => data['token'])).toEqual([...granted].sort());
    expect(events[0]).toMatchObject({ type: 'agent:rebind', data: { from: alice.peer } });
    for (const token of granted) expect(world.state.get('agent', token)?.peer).toBe(bob.peer);
    expect(world.state.get('agent', a!)?.retiredIndex).not.toBeNull();
    expect(world.grant(makeClaim(alice, agents, { seq: 2 }))).toMatchObject({
      code: 'ERR_ENROLMENT_HOST_BOUND',
    });
    expect(tokens(world.grant(makeClaim(bob, agents)))).toEqual(granted);
  });
});
