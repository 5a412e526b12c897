import { beforeEach, describe, expect, it } from 'vitest';
import type { CallRow } from '../../../../../daemon/api/routes/index.ts';
import type { CallsQuery } from '../../../../../daemon/api/services.ts';
import { listCalls, viewOf } from '../../../../../daemon/services/calls/call-list.ts';
import type { StateReader } from '../../../../../protocols/interface/index.ts';
import { CallWorld, founder, second, TOKEN } from '../../../help/call-world.ts';

// Goal: every call is on exactly one page of its list, the newest first, however small the pages.

let world: CallWorld;
let waiting: CallRow[];

beforeEach(() => {
  world = new CallWorld();
  waiting = [];
});

const list = (query: Partial<CallsQuery> = {}, state: StateReader = world.state) =>
  listCalls({ state, waiting: () => waiting }, { limit: 100, ...query });

function allPages(query: Partial<CallsQuery>): string[] {
  const ids: string[] = [];
  let cursor: string | null | undefined;
  for (let pages = 0; cursor !== null; pages++) {
    if (pages > 100) throw new Error('the list does not end');
    const page = list({ ...query, ...(cursor === undefined ? {} : { cursor }) });
    ids.push(...page.calls.map(({ id }) => id));
    cursor = page.cursor;
  }
  return ids;
}

describe('the list', () => {
  it('pages through what waits, then through the log, backwards', () => {
    const ids = Array.from({ length: 7 }, () => world.open());
    const { index: _, ...row } = viewOf(world.call(ids[0] as string));
    waiting = ['bbb', 'aaa'].map((id) => ({ ...row, id, state: 'accepted' as const }));
    const newest = ids.toReversed();
    for (const limit of [1, 2, 3, 100]) {
      expect(allPages({ limit })).toEqual(['bbb', 'aaa', ...newest]);
      expect(allPages({ limit, state: 'accepted' })).toEqual(['bbb', 'aaa']);
      expect(allPages({ limit, state: 'active' })).toEqual(newest);
    }
  });

  it('misses nothing that waits or was refused when the row of the cursor has gone', () => {
    const open = world.open();
    const { index: _, ...row } = viewOf(world.call(open));
    const accepted = (id: string, ms: number): CallRow => {
      return { ...row, id, state: 'accepted', openedAt: new Date(ms).toISOString() };
    };
    const refused = (id: string, ms: number): CallRow => {
      const refusal = { code: 'E', message: '', at: new Date(ms).toISOString() };
      return { ...row, id, state: 'refused', refusal };
    };
    const [c, b, a] = [accepted('ccc', 3), accepted('bbb', 2), accepted('aaa', 1)];
    const [z, y, x] = [refused('zzz', 30), refused('yyy', 20), refused('xxx', 10)];
    const nextPage = (rows: CallRow[], gone: CallRow[], limit: number) => {
      waiting = rows;
      const { cursor } = list({ limit });
      waiting = gone;
      return list({ cursor: cursor ?? '' }).calls.map(({ id }) => id);
    };
    expect(nextPage([c, b, a, z], [b, a, z], 1)).toEqual(['bbb', 'aaa', 'zzz', open]);
    expect(nextPage([a, z, y], [z, y], 1)).toEqual(['zzz', 'yyy', open]);
    expect(nextPage([a, z, y, x], [z, x], 3)).toEqual(['xxx', open]);
    // Refused since, it is shown as such.
    expect(nextPage([b, a], [a, refused('bbb', 40)], 1)).toEqual(['aaa', 'bbb', open]);
    expect(allPages({ limit: 1, state: 'refused' })).toEqual(['bbb']);
  });

  it('finds by state, asker and severity', () => {
    const agent = { peer: founder.peer, agent: TOKEN };
    const asked = world.open({ severity: 'danger' }, agent);
    const other = world.open({}, { peer: second.peer });
    const claimed = world.open();
    const gone = world.open();
    world.claim(claimed);
    world.apply('call.withdraw', { id: gone });
    expect(allPages({ state: 'open' })).toEqual([other, asked]);
    expect(allPages({ state: 'claimed' })).toEqual([claimed]);
    expect(allPages({ state: 'active' })).toEqual([claimed, other, asked]);
    expect(allPages({ state: 'withdrawn' })).toEqual([gone]);
    expect(allPages({ asker: TOKEN })).toEqual([asked]);
    expect(allPages({ asker: second.peer })).toEqual([other]);
    expect(allPages({ asker: founder.peer, state: 'active' })).toEqual([claimed, asked]);
    expect(allPages({ severity: 'danger' })).toEqual([asked]);
    expect(allPages({ severity: 'danger', state: 'claimed' })).toEqual([]);
  });

  it('finds open calls without a look at settled ones', () => {
    const open = world.open();
    const settled = Array.from({ length: 5 }, () => world.open());
    for (const id of settled) world.apply('call.withdraw', { id });
    const read: string[] = [];
    const state: StateReader = {
      get: (table, key) => {
        if (table === 'call' || table === 'called') read.push(`${table} ${key}`);
        return world.state.get(table, key);
      },
      entries: (table) => world.state.entries(table),
      size: (table) => world.state.size(table),
    };
    expect(list({ state: 'active' }, state).calls.map(({ id }) => id)).toEqual([open]);
    expect(read).toEqual([`call ${open}`]);
  });

  it('looks at so many of the log for one page, and goes on where it ended', () => {
    const danger = world.open({ severity: 'danger' });
    for (let n = 0; n < 600; n++) world.apply('call.withdraw', { id: world.open() });
    expect(list({ severity: 'danger' })).toEqual({ calls: [], cursor: 'committed.101' });
    expect(allPages({ severity: 'danger' })).toEqual([danger]);
    expect(list({ limit: 1_000 }).calls).toHaveLength(500);
    expect(allPages({ limit: 1_000 })).toHaveLength(601);
  });

  it('ends a page that has much text early, and goes on where it ended', () => {
    const question = 'x'.repeat(8 * 1024);
    const ids = Array.from({ length: 300 }, () => world.open({ question }));
    const { calls, cursor } = list({ limit: 1_000 });
    expect(calls.length).toBeLessThan(300);
    expect(cursor).not.toBeNull();
    for (const state of [undefined, 'active' as const]) {
      expect(allPages({ limit: 1_000, state })).toEqual(ids.toReversed());
    }
  });

  it('takes its own cursors only', () => {
    expect(() => list({ cursor: 'committed.x' })).toThrow('not one of this list');
  });
});

it('a call is shown with all that there is of it', () => {
  const id = world.open({ onTimeout: 'default', default: 'no', context: 'Late.' });
  expect(viewOf(world.call(id))).toMatchObject({
    ...{ id, context: 'Late.', default: 'no', state: 'open', asker: { peer: founder.peer } },
    deadline: new Date(world.timeMs + 600_000).toISOString(),
  });
  expect(viewOf(world.call(id))).not.toHaveProperty('fence');
  world.claim(id);
  expect(viewOf(world.call(id))).toMatchObject({
    ...{ fence: 1, claimedBy: { human: 'ada', peer: second.peer } },
    claimedUntil: new Date(world.timeMs + 900_000).toISOString(),
  });
  world.timeMs += 600_000;
  world.apply('call.expire', { id });
  expect(viewOf(world.call(id))).toMatchObject({
    ...{ state: 'answered', answer: 'no', answeredBy: null },
    answeredAt: new Date(world.timeMs).toISOString(),
  });
});
