import { beforeEach, describe, expect, it } from 'vitest';
import { nothingSeen, type RefusedCalls } from '../../../../../daemon/mesh/seen/index.ts';
import { type Clock, LIMITS } from '../../../../../protocols/interface/index.ts';
import type { Command } from '../../../../../protocols/slurp/index.ts';
import { cidOf, encodeCanonical } from '../../../../../protocols/wire/index.ts';
import { MemoryStore } from '../../../../../storage/memory-store.ts';
import { crypto, founder, ManualClock } from '../../../slurp/mesh-world.ts';

it('the door book counts by peer, reason and side, the last reason first', () => {
  const startMs = 1_000;
  let nowMs = startMs;
  const { door } = nothingSeen({ ...new ManualClock(), nowMs: () => nowMs } as Clock);
  door.note('a', 'guests-full', 'here');
  nowMs += 1_000;
  door.note('a', 'ERR_X', 'there');
  door.note('a', 'ERR_X', 'there');
  door.note('b', 'guests-full', 'here');
  expect(door.of('a')).toEqual([
    {
      ...{ reason: 'ERR_X', side: 'there', count: 2 },
      ...{ firstMs: startMs + 1_000, lastMs: startMs + 1_000 },
    },
    { reason: 'guests-full', side: 'here', count: 1, firstMs: startMs, lastMs: startMs },
  ]);
  expect([door.peers, door.of('c')]).toEqual([['b', 'a'], []]);
});

it('whoever knocks with ever new keys and reasons fills nothing', () => {
  const { door } = nothingSeen(new ManualClock());
  for (let n = 0; n < 1_000; n++) door.note(`p${n}`, 'guests-full', 'here');
  for (let n = 0; n < 100; n++) door.note('p999', `r${n}`, 'here');
  expect([door.peers.length, door.of('p999').length, door.of('p0')]).toEqual([256, 16, []]);
});

describe('refused calls', () => {
  const command = (id: string, kind = 'call.open'): Command => ({
    ...{
      id: cidOf(crypto.sha256, encodeCanonical(id)),
      kind,
      actor: { peer: founder.peer },
      timeMs: 5,
    },
    body: { question: id },
  });
  const refused = { code: 'ERR_HELP_TOO_MANY', message: 'm', index: 4 } as const;
  const idOf = (id: string): string => command(id).id;
  let store: MemoryStore;
  let there: string | undefined;
  beforeEach(async () => {
    there = undefined;
    store = new MemoryStore();
    await store.open();
  });
  const opened = async (): Promise<RefusedCalls> => {
    const { calls } = nothingSeen(new ManualClock());
    await calls.open(store, { get: (_table, id) => (id === there ? ({} as never) : undefined) });
    return calls;
  };

  it('are none of those that the state has: what was skipped may have been committed', async () => {
    const calls = await opened();
    there = idOf('1');
    const skipped = { code: 'ERR_SLURP_SKIPPED', message: 'decided while away' } as const;
    expect(calls.writesFor(command('1'), skipped)).toEqual([]);
    expect(calls.writesFor(command('2'), skipped)).toHaveLength(1);
    expect(calls.ids).toEqual([idOf('2')]);
  });

  it('are remembered over a restart, other commands are not', async () => {
    const before = await opened();
    await store.batch(before.writesFor(command('1'), refused));
    expect(before.writesFor(command('2', 'call.claim'), refused)).toEqual([]);
    await store.batch(before.writesFor(command('3'), { ...refused, message: 'before the log' }));
    for (const calls of [before, await opened()]) {
      expect(calls.get(idOf('1'))).toMatchObject({ ...refused, command: command('1') });
      expect(calls.get(idOf('2'))).toBeUndefined();
      expect(calls.list().map(({ command: { body } }) => body['question'])).toEqual(['3', '1']);
    }
  });

  it('are so many, and the oldest is forgotten', async () => {
    const calls = await opened();
    for (let n = 1; n <= LIMITS.callRefusalsMax + 1; n++) {
      await store.batch(calls.writesFor(command(String(n)), refused));
    }
    for (const it of [calls, await opened()]) {
      expect([it.ids.length, it.get(idOf('1'))]).toEqual([LIMITS.callRefusalsMax, undefined]);
    }
  });
});
