import { beforeEach, describe, expect, it } from 'vitest';
import { revisionAt } from '../../../protocols/interface/index.ts';
import { callAddress } from '../../../protocols/ucxl/index.ts';
import {
  ASKED,
  CallWorld,
  codeOf,
  founder,
  MINUTE_MS,
  OTHER_TOKEN,
  second,
  TOKEN,
  third,
} from './call-world.ts';

// Goal: a call stands in the state as it was asked, at its address with its versions, within the
// bounds of its asker; and its asker alone withdraws it.

let world: CallWorld;

beforeEach(() => {
  world = new CallWorld();
});

const agent = { peer: founder.peer, agent: TOKEN };
const open = (change: Record<string, unknown>, actor = agent) =>
  world.apply('call.open', { ...ASKED, ...change }, actor);
const withdraw = (id: string, actor: { peer: string; agent?: string }) =>
  world.apply('call.withdraw', { id }, actor);

describe('a new call', () => {
  it('is named by its command, counts from the entry, and tells of itself', () => {
    const outcome = open({});
    const id = world.lastId;
    const { timeMs, index } = world;
    expect(world.call(id)).toEqual({
      ...{ id, number: 1, asker: agent, question: 'May I?', context: '', options: ['yes', 'no'] },
      ...{ severity: 'blocked', onTimeout: 'wait', state: 'open', index, timeMs },
      ...{ deadlineMs: timeMs + 10 * MINUTE_MS, lengthMs: 10 * MINUTE_MS },
      ...{ escalations: 0, fence: 0 },
    });
    const address = callAddress(id);
    const data = { id, state: 'open', severity: 'blocked', escalations: 0, version: 1 };
    expect(outcome).toMatchObject({ ok: true, events: [{ type: 'call:open', address, data }] });
    expect(revisionAt(world.state, address, 1)).toEqual({
      ...{ version: 1, index, timeMs, cause: 'call:open', value: world.call(id) },
    });
  });

  it('whose deadline passed on its way is opened all the same, and due at once', () => {
    const atMs = world.timeMs - MINUTE_MS;
    const id = world.open({ onTimeout: 'deny', deadline: { atMs } });
    expect(world.state.get('openCall', id)).toMatchObject({ dueMs: atMs });
    expect(world.apply('call.expire', { id }, { peer: second.peer })).toMatchObject({ ok: true });
    expect(world.call(id)).toMatchObject({ state: 'answered', answer: { by: null } });
  });

  it('does not take the place of another whose number its node used before', () => {
    const id = world.open();
    const before = world.call(id);
    world.index--;
    expect(codeOf(open({ question: 'Again?' }))).toBe('ERR_SLURP_COMMAND');
    expect(world.lastId).toBe(id);
    expect(world.call(id)).toEqual(before);
  });

  it('has a name that no command of another node has', () => {
    const id = world.open();
    world.index--;
    const other = world.open({}, { peer: third.peer });
    expect(other).not.toBe(id);
    expect([id, other].map((it) => world.call(it).asker.peer)).toEqual([founder.peer, third.peer]);
  });

  it('that waits is never due', () => {
    expect(world.state.get('openCall', world.open())).not.toHaveProperty('dueMs');
  });

  it.each([
    ['a default without its policy', { default: 'no' }],
    ['its policy without a default', { onTimeout: 'default' }],
    ['no question', { question: ' ' }],
    ['a question of 8193 bytes', { question: 'x'.repeat(8193) }],
    ['a context of 16385 bytes', { context: 'x'.repeat(16_385) }],
    ['17 options', { options: Array(17).fill('x') }],
    ['a long option', { options: ['x'.repeat(513)] }],
    ['no time', { deadline: { afterMs: 0 } }],
    ['31 days', { deadline: { afterMs: 31 * 24 * 60 * MINUTE_MS } }],
    ['two deadlines', { deadline: { afterMs: 5_000, atMs: 1 } }],
    ['text that is not well-formed', { question: 'a\udc00' }],
    ['a byte order mark', { question: '\ufeffMay I?' }],
    ['an unknown field', { more: 1 }],
  ])('is refused with %s', (_, change) => {
    expect(codeOf(open(change))).toBe('ERR_SLURP_COMMAND');
  });

  it('may not be due beyond 30 days', () => {
    const atMs = world.timeMs + 30 * 24 * 60 * MINUTE_MS;
    expect(codeOf(open({ deadline: { atMs: atMs + 1 } }))).toBe('ERR_HELP_DEADLINE_RANGE');
    expect(codeOf(open({ deadline: { atMs } }))).toBe('ok');
  });

  it('is of an agent of the node, or of the node', () => {
    expect(codeOf(open({}, { peer: second.peer, agent: TOKEN }))).toBe('ERR_MEMBERSHIP_FORBIDDEN');
    expect(codeOf(open({}, { peer: 'stranger', agent: TOKEN }))).toBe('ERR_MEMBERSHIP_NOT_MEMBER');
    expect(world.call(world.open()).asker).toEqual({ peer: founder.peer });
  });
});

describe('the number of open calls', () => {
  it('is bounded for an agent, without a word against others', () => {
    const ids = Array.from({ length: 64 }, () => world.open({}, agent));
    expect(open({})).toMatchObject({
      code: 'ERR_HELP_TOO_MANY',
      details: { what: 'agent', limit: 64 },
    });
    expect(codeOf(open({}, { peer: founder.peer, agent: OTHER_TOKEN }))).toBe('ok');
    expect(codeOf(withdraw(ids[0] as string, agent))).toBe('ok');
    expect(codeOf(open({}))).toBe('ok');
  });

  it('is bounded for a node with all its agents', () => {
    for (let n = 0; n < 512; n++) world.open();
    expect(open({})).toMatchObject({ details: { what: 'node', limit: 512 } });
    expect(codeOf(world.apply('call.open', ASKED, { peer: second.peer }))).toBe('ok');
  });

  it('comes back to nothing', () => {
    const ids = [world.open({}, agent), world.open()];
    for (const id of ids) withdraw(id, { peer: founder.peer });
    expect([...world.state.entries('openCalls')]).toEqual([]);
    expect([...world.state.entries('openCall')]).toEqual([]);
  });
});

describe('withdrawing', () => {
  it.each([
    ['its agent', agent, 'ok'],
    ['its node', { peer: founder.peer }, 'ok'],
    ['another agent of the node', { peer: founder.peer, agent: OTHER_TOKEN }, 'ERR_HELP_NOT_ASKER'],
    ['another node', { peer: second.peer }, 'ERR_HELP_NOT_ASKER'],
  ])('by %s', (_, actor, code) => {
    const id = world.open({}, agent);
    world.claim(id);
    expect(codeOf(withdraw(id, actor))).toBe(code);
    expect(world.call(id).state).toBe(code === 'ok' ? 'withdrawn' : 'claimed');
  });

  it('is for its agent no longer once that is retired', () => {
    const id = world.open({}, agent);
    const record = world.state.get('agent', TOKEN);
    if (record === undefined) throw new Error('no agent');
    world.state.merge([{ table: 'agent', key: TOKEN, value: { ...record, retiredIndex: 12 } }]);
    expect(codeOf(withdraw(id, agent))).toBe('ERR_MEMBERSHIP_FORBIDDEN');
  });

  it('is for an admin when the node that asked is no member any more', () => {
    const id = world.open({}, { peer: third.peer });
    world.member(second.peer, { role: 'admin' });
    expect(codeOf(withdraw(id, { peer: second.peer }))).toBe('ERR_HELP_NOT_ASKER');
    world.member(third.peer, { removedIndex: 50 });
    expect(codeOf(withdraw(id, founder))).toBe('ERR_HELP_NOT_ASKER');
    expect(codeOf(withdraw(id, { peer: second.peer }))).toBe('ok');
  });

  it('is final', () => {
    const id = world.open();
    withdraw(id, { peer: founder.peer });
    expect(codeOf(withdraw(id, { peer: founder.peer }))).toBe('ERR_HELP_WITHDRAWN');
    expect(codeOf(world.claim(id))).toBe('ERR_HELP_WITHDRAWN');
  });
});
