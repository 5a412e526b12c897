import { expect, it } from 'vitest';
import type { Daemon } from '../../../../../daemon/daemon.ts';
import { nothingSeen } from '../../../../../daemon/mesh/seen/index.ts';
import { CallServices } from '../../../../../daemon/services/calls/call-services.ts';
import type { Command } from '../../../../../protocols/slurp/index.ts';
import { CallWorld, founder } from '../../../help/call-world.ts';
import { ManualClock } from '../../../slurp/mesh-world.ts';

function start() {
  let reads = 0;
  const question = {
    enumerable: true,
    get: () => {
      reads++;
      return 'Go?';
    },
  };
  const body = { options: ['yes', 'no'], context: 'Late.', deadline: { afterMs: 60_000 } };
  const more = { onTimeout: 'default', default: 'no', severity: 'danger' };
  const call = (id: string): Command => ({
    ...{ id, kind: 'call.open', actor: { peer: founder.peer }, timeMs: 1_000 },
    body: Object.defineProperty({ ...body, ...more }, 'question', question),
  });
  const other = { ...call('ccc'), kind: 'mesh.settings' };
  const broken = { ...call('ddd'), body: {} };
  const undecided = [call('aaa'), other, broken, call('bbb')];
  const parts = {
    state: new CallWorld().state,
    outbox: { undecided: () => undecided },
    snapshots: { assertSound: () => undefined },
    seen: nothingSeen(new ManualClock()),
  };
  const daemon = { soundNode: { parts } } as unknown as Daemon;
  const calls = new CallServices(daemon, new ManualClock());
  return { calls, reads: () => reads, seen: parts.seen, call };
}

it('a call in the outbox is read once, however often it is listed and shown', () => {
  const { calls, reads } = start();
  const rows = calls.list({ limit: 100 }).calls;
  expect(rows.map(({ id, state }) => [id, state])).toEqual([
    ['bbb', 'accepted'],
    ['aaa', 'accepted'],
  ]);
  for (const row of rows)
    for (const key of ['context', 'default']) expect(row).not.toHaveProperty(key);
  const once = reads();
  expect(once).toBeGreaterThan(0);
  expect(calls.list({ limit: 100 }).calls).toEqual(rows);
  expect(calls.get('aaa')).toMatchObject({ question: 'Go?', context: 'Late.', default: 'no' });
  expect(calls.get('aaa')).toMatchObject({ deadline: new Date(61_000).toISOString() });
  expect(reads()).toBe(once);
  for (const id of ['ccc', 'ddd']) expect(() => calls.get(id)).toThrow('call');
});

it('a call that was refused is shown with the code, to who asks for it', async () => {
  const { calls, seen } = start();
  const body = { question: 'Why?', context: 'c', deadline: { afterMs: 60_000 } };
  const command: Command = {
    ...{ id: 'eee', kind: 'call.open', actor: { peer: founder.peer }, timeMs: 1_000 },
    body: { ...body, options: [], onTimeout: 'wait', severity: 'info' },
  };
  seen.calls.writesFor(command, { code: 'ERR_HELP_TOO_MANY', message: 'Too many', index: 9 });
  const refusal = { code: 'ERR_HELP_TOO_MANY', message: 'Too many', index: 9 };
  expect(calls.get('eee')).toMatchObject({ state: 'refused', question: 'Why?', refusal });
  const ids = (state?: 'accepted' | 'active' | 'refused') =>
    calls.list({ limit: 100, ...(state === undefined ? {} : { state }) }).calls.map(({ id }) => id);
  expect(ids('refused')).toEqual(['eee']);
  expect(ids('accepted')).toEqual(['bbb', 'aaa']);
  expect(ids()).toEqual(['bbb', 'aaa', 'eee']);
  expect(ids('active')).toEqual([]);
});

it.each([
  // What is asked for is an hour and a half from now, by a clock that shows 1 s.
  { logTimeLeastMs: undefined, skewMs: undefined, atMs: 5_401_000 },
  { logTimeLeastMs: 900, skewMs: undefined, atMs: 5_401_000 },
  { logTimeLeastMs: 2_500, skewMs: 300, atMs: 5_401_000 },
  { logTimeLeastMs: 86_401_000, skewMs: undefined, atMs: 5_401_000 + 86_400_000 },
  { logTimeLeastMs: 86_401_000, skewMs: 0.5, atMs: 5_401_000 + 86_400_001 },
  // The log goes by the clocks of the others: it is this one that is a day behind.
  { logTimeLeastMs: 86_401_000, skewMs: -86_400_000, atMs: 5_401_000 },
])('a deadline that is to come has not passed in a log that is ahead: %o', async (it) => {
  const { logTimeLeastMs, skewMs, atMs } = it;
  const written: unknown[] = [];
  const write = async (_kind: string, body: { readonly deadline: unknown }) => {
    written.push(body.deadline);
    return { id: 'aaa', state: 'accepted' };
  };
  const parts = {
    writer: { write },
    calls: { logTimeLeastMs },
    liveness: { skewMs: () => skewMs },
  };
  const daemon = { memberNode: { parts } } as unknown as Daemon;
  const calls = new CallServices(daemon, new ManualClock());
  const severity = 'info' as const;
  const input = { question: 'Go?', context: '', options: [], severity };
  const wait = { committed: false, timeoutMs: 0 };
  const caller = { rights: 'operator' } as const;
  const deadline = new Date(5_401_000).toISOString();
  await calls.open({ ...input, onTimeout: 'deny', deadline }, wait, caller);
  expect(written).toEqual([{ atMs }]);
  const past = new Date(999).toISOString();
  await expect(
    calls.open({ ...input, onTimeout: 'deny', deadline: past }, wait, caller),
  ).rejects.toMatchObject({ code: 'ERR_HELP_DEADLINE_RANGE' });
});
