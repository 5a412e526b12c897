import { beforeEach, describe, expect, it } from 'vitest';
import { LIMITS, submittedKey } from '../../../protocols/interface/index.ts';
import { linkTarget, versionAt } from '../../../protocols/submission/index.ts';
import { founder, second } from '../slurp/mesh-world.ts';
import { ADDRESS, agent, member, Register } from './register.ts';

// Goal: what a member hands in stands in the register once, with its place in the order of the mesh
// and at its address; its links, its blocks and what it takes the place of are noted.

const DAY_MS = 24 * 60 * 60 * 1000;

let register: Register;

beforeEach(() => {
  register = new Register();
});

const one = { decision: 'one' };
const commit: Register['commit'] = (...args) => register.commit(...args);
const idOf: Register['idOf'] = (...args) => register.idOf(...args);
const recordOf = (id: string) => register.state.get('submission', id);

describe('submission.commit', () => {
  it('puts a submission into the register, with its content and its place', () => {
    const id = idOf(one);
    const author = { peer: founder.peer };
    const named = { kind: 'dr', address: ADDRESS, title: 'T', author };
    expect(commit(one)).toEqual({
      ok: true,
      value: { id, index: 11, isNew: true },
      events: [{ type: 'submission:commit', address: ADDRESS, data: { id, ...named, version: 1 } }],
    });
    const placed = { index: 11, timeMs: 1_000_001, acceptedMs: 7, version: 1 };
    expect(recordOf(id)).toEqual({ ...named, ...placed });
    expect(register.state.get('content', id)).toEqual(register.orderOf(one).content);
    expect(register.state.get('submitted', submittedKey(1))).toBe(id);
    expect(versionAt(register.state, ADDRESS, 1)).toBe(id);
  });

  it('takes the same again as the same, and says where it was first', () => {
    commit(one);
    expect(commit(one)).toEqual({ ok: true, value: { id: idOf(one), index: 11, isNew: false } });
    expect(register.state.get('cursor', 'submissions')).toBe(1);
    expect(register.state.get('addressed', ADDRESS)?.versions).toBe(1);
  });

  it('takes the same of another author as another', () => {
    commit(one);
    expect(commit(one, { peer: second.peer })).toMatchObject({
      ok: true,
      value: { id: idOf(one, second), isNew: true },
    });
    expect(register.state.get('addressed', ADDRESS)?.versions).toBe(2);
  });

  it('numbers the versions of each address in the order of the log, of both kinds', () => {
    const other = `${ADDRESS}/notes`;
    const three = { kind: 'pr', summary: 'three' };
    commit(one);
    commit({ decision: 'two', address: other });
    commit(three);
    const at = (address: string, n: number) => versionAt(register.state, address, n);
    expect([at(ADDRESS, 1), at(ADDRESS, 2), at(ADDRESS, 3)]).toEqual([
      idOf(one),
      idOf(three),
      undefined,
    ]);
    const two = idOf({ decision: 'two', address: other });
    expect(at(other, 1)).toBe(two);
    expect(register.state.get('submitted', submittedKey(2))).toBe(two);
    expect(register.state.get('cursor', 'submissions')).toBe(3);
  });

  it('is refused from who is no member, or is one no more', () => {
    register.put(member(founder.peer, { removedIndex: 5 }));
    expect(commit(one)).toMatchObject({ code: 'ERR_MEMBERSHIP_REMOVED' });
    expect(commit(one, { peer: 'stranger' })).toMatchObject({ code: 'ERR_MEMBERSHIP_NOT_MEMBER' });
    expect(register.state.get('cursor', 'submissions')).toBeUndefined();
  });

  it('has an agent of that node as its author, and no other', () => {
    register.state.merge([
      { table: 'agent', key: '458RV', value: agent('458RV', founder.peer) },
      { table: 'agent', key: '4001Y', value: agent('4001Y', second.peer) },
      { table: 'agent', key: '7ZZY5', value: agent('7ZZY5', founder.peer, 9) },
    ]);
    const by = (token: string) => commit(one, { peer: founder.peer, agent: token });
    const author = { peer: founder.peer, agent: '458RV' };
    const id = idOf(one, author);
    expect(by('458RV')).toMatchObject({ ok: true, value: { id } });
    expect(recordOf(id)?.author).toEqual(author);
    for (const token of ['4001Y', '7ZZY5', '0000W']) {
      expect(by(token)).toMatchObject({ code: 'ERR_MEMBERSHIP_FORBIDDEN' });
    }
  });
});

describe('blocks', () => {
  const large = { context: 'c'.repeat(40_000) };

  it('stand in the register by their ids, and the content is not in it', () => {
    const input = { kind: 'pr', summary: 's'.repeat(40_000), patch: '+1' };
    const { block, head } = register.orderOf(input);
    const id = idOf(input);
    expect(commit(input)).toMatchObject({ value: { id, blocks: [block, head.patch] } });
    expect(recordOf(id)).toMatchObject({ block, patch: head.patch });
    expect(register.state.get('content', id)).toBeUndefined();
    expect(register.state.get('attached', block?.cid ?? '')).toEqual({ id, bytes: block?.bytes });
    expect(register.state.get('attached', head.patch?.cid ?? '')?.id).toBe(id);
  });

  it('count once for each member and day, by the clock of the log', () => {
    const { bytes = 0 } = register.orderOf(large).block ?? {};
    commit(large);
    commit(large, { peer: second.peer });
    const used = (peer: string) => register.state.get('blockuse', peer);
    expect(used(founder.peer)).toEqual({ sinceMs: 1_000_001, bytes });
    expect(used(second.peer)).toBeUndefined();
    const other = { context: 'd'.repeat(40_000) };
    register.timeMs += DAY_MS;
    commit(other);
    expect(used(founder.peer)).toEqual({ sinceMs: register.timeMs, bytes });
  });

  it('are refused once a member has brought as much as a day allows, and no longer', () => {
    const bytesMax = LIMITS.submissionBlockBytesPerDayMax;
    const sinceMs = register.timeMs;
    const value = { sinceMs, bytes: bytesMax - 1 };
    register.state.merge([{ table: 'blockuse', key: founder.peer, value }]);
    const before = register.state.get('cursor', 'submissions');
    expect(commit(large)).toMatchObject({
      code: 'ERR_SUBMISSION_QUOTA',
      details: { bytesMax, untilMs: sinceMs + DAY_MS },
    });
    expect(register.state.get('cursor', 'submissions')).toBe(before);
    // Others are not held up by it, nor what is small.
    expect(commit(one)).toMatchObject({ ok: true });
    expect(commit(large, { peer: second.peer })).toMatchObject({ ok: true });
    register.timeMs = sinceMs + DAY_MS - 1;
    expect(commit({ context: 'x'.repeat(40_000) })).toMatchObject({ ok: true });
  });
});

describe('links', () => {
  const link = (address: string, rel = 'influenced-by') => ({ rel, address });
  const other = 'ucxl://any@shop:checkout/#/other';

  it('are counted when their target is not there, and resolve once it is', () => {
    const input = { ...one, links: [link(other), link(ADDRESS)] };
    const outcome = commit(input);
    // Its own address led nowhere before it stood there itself.
    expect(outcome).toMatchObject({ events: [{ data: { unresolved: 2 } }] });
    expect(recordOf(idOf(input))?.unresolved).toBe(2);
    expect(linkTarget(register.state, other)).toEqual({ isThere: false });
    commit({ address: other });
    expect(linkTarget(register.state, other)).toEqual({
      isThere: true,
      id: idOf({ address: other }),
    });
  });

  it('lead to the version that they name', () => {
    commit(one);
    commit({ decision: 'two' });
    const at = (temporal: string) =>
      linkTarget(register.state, ADDRESS.replace('#', temporal)).id ?? null;
    const [first, last] = [idOf(one), idOf({ decision: 'two' })];
    expect(['#', '*^', '*~1', '*~2', '~~', '~~1'].map(at)).toEqual([
      ...[last, last, first, last, first, first],
    ]);
    expect(['*~3', '~~2', '^^', '^^2'].map(at)).toEqual([null, null, null, null]);
  });

  it('lead to what the mesh keeps itself', () => {
    const memberAt = `ucxl://any:admin@COOEE:mesh/#/member/${founder.peer}`;
    register.state.merge([
      { table: 'agent', key: '458RV', value: agent('458RV', founder.peer) },
      { table: 'tiny', key: '4TF5ED5V08', value: ['458RV'] },
      { table: 'revised', key: memberAt, value: 2 },
    ]);
    const isThere = (address: string) => linkTarget(register.state, address).isThere;
    expect(isThere(memberAt)).toBe(true);
    expect(isThere(memberAt.replace('#', '*~2'))).toBe(true);
    expect(isThere(memberAt.replace('#', '*~3'))).toBe(false);
    expect(isThere('ucxl://agentid:458RV')).toBe(true);
    expect(isThere('ucxl://agentid:4TF5ED5V08')).toBe(true);
    expect(isThere('ucxl://any:admin@COOEE:enrol/#/agentid/4TF5ED5V08')).toBe(true);
    expect(isThere('ucxl://agentid:4001Y')).toBe(false);
    expect(isThere('no address')).toBe(false);
  });
});

describe('supersedes', () => {
  const later = {
    decision: 'later',
    address: `${ADDRESS}/b`,
    links: [{ rel: 'supersedes', address: ADDRESS }],
  };
  const mark = () => recordOf(idOf(one))?.superseded;

  beforeEach(() => {
    commit(one);
  });

  it('marks the one that it takes the place of, and tells so', () => {
    const by = idOf(later);
    const data = { id: idOf(one), kind: 'dr', address: ADDRESS, title: 'T', by };
    expect(commit(later)).toMatchObject({
      events: [
        { type: 'submission:commit' },
        { type: 'submission:supersede', address: ADDRESS, data },
      ],
    });
    expect(mark()).toEqual({ id: by, index: 12, timeMs: 1_000_002 });
  });

  it('marks the version before, when it stands at the same address', () => {
    const next = { ...later, address: ADDRESS };
    commit(next);
    expect(mark()?.id).toBe(idOf(next));
    expect(recordOf(idOf(next))?.superseded).toBeUndefined();
  });

  it('marks for good: a later one changes nothing', () => {
    commit(later);
    const before = mark();
    commit({ ...later, decision: 'latest' });
    expect(mark()).toEqual(before);
  });

  it('marks nothing of another author, unless a curator hands it in', () => {
    commit(later, { peer: second.peer });
    expect(recordOf(idOf(later, second))?.version).toBe(1);
    expect(mark()).toBeUndefined();
    register.role(second.peer, 'curator');
    const curated = { ...later, decision: 'curated' };
    commit(curated, { peer: second.peer });
    expect(mark()?.id).toBe(idOf(curated, second));
  });

  it('marks nothing for an agent on the node of a curator', () => {
    register.role(second.peer, 'admin');
    const key = '4001Y';
    register.state.merge([{ table: 'agent', key, value: agent(key, second.peer) }]);
    expect(commit(later, { peer: second.peer, agent: key })).toMatchObject({ ok: true });
    expect(mark()).toBeUndefined();
  });
});
