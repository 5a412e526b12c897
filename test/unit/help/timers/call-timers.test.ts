import { beforeEach, describe, expect, it } from 'vitest';
import { CallTimers, type DueCommand } from '../../../../protocols/help/index.ts';
import {
  CooeeError,
  type Outcome,
  type StateReader,
} from '../../../../protocols/interface/index.ts';
import { type RecordLogger, recordLogger } from '../../storage/record-logger.ts';
import { ManualClock } from '../../wire/manual-clock.ts';
import { CallWorld, CLAIM_MS, MINUTE_MS, third } from '../call-world.ts';

// Goal: what is due of calls happens while there is a leader, at its time by the log, once.

const LENGTH_MS = 10 * MINUTE_MS;

let world: CallWorld;
let clock: ManualClock;
let timers: CallTimers;
let isLeader: boolean;
let proposed: string[];
/** How far the leader's clock is ahead of the time of the log. */
let aheadMs: number;
let failures: number;
let logger: RecordLogger;

beforeEach(() => {
  world = new CallWorld();
  clock = new ManualClock();
  world.timeMs = clock.nowMs();
  isLeader = true;
  proposed = [];
  aheadMs = 0;
  failures = 0;
  logger = recordLogger();
  timers = new CallTimers({
    state: world.state,
    clock,
    logger,
    isLeader: () => isLeader,
    decide,
  });
});

/** The log: an entry with the agreed time, which every node hears of. */
async function decide({ kind, body }: DueCommand): Promise<Outcome> {
  if (failures > 0) {
    failures--;
    throw new CooeeError('ERR_SLURP_OUTBOX_FULL');
  }
  world.timeMs = clock.nowMs() - aheadMs;
  const outcome = world.apply(kind, body, { peer: third.peer });
  proposed.push(outcome.ok ? kind : `${kind} ${outcome.code}`);
  tell(outcome);
  return outcome;
}

function tell(outcome: Outcome): void {
  timers.onApplied({ timeMs: world.timeMs, events: outcome.ok ? (outcome.events ?? []) : [] });
}

function open(change: Record<string, unknown>): string {
  const outcome = world.apply('call.open', {
    ...{ question: '?', context: '', options: [], severity: 'info', onTimeout: 'deny' },
    ...{ deadline: { afterMs: LENGTH_MS }, ...change },
  });
  tell(outcome);
  return world.lastId;
}

const pass = (ms: number): Promise<void> => clock.advance(ms);

describe('a leader', () => {
  beforeEach(() => timers.onLeadership());

  it('has a call expire at its deadline', async () => {
    const id = open({});
    await pass(LENGTH_MS - 1_000);
    expect(proposed).toEqual([]);
    await pass(1_000);
    expect(proposed).toEqual(['call.expire']);
    expect(world.call(id).answer?.text).toBe('denied');
    await pass(LENGTH_MS);
    expect(proposed).toHaveLength(1);
  });

  it('escalates three times, then lets it expire', async () => {
    open({ onTimeout: 'escalate' });
    await pass(4 * LENGTH_MS + 5_000);
    expect(proposed).toEqual([...Array(3).fill('call.escalate'), 'call.expire']);
  });

  it('has a claim lapse, and leaves a call that waits alone', async () => {
    const id = open({ onTimeout: 'wait' });
    tell(world.claim(id));
    await pass(CLAIM_MS - 1_000);
    expect(proposed).toEqual([]);
    await pass(2_000);
    expect(proposed).toEqual(['call.release']);
    expect(world.call(id).state).toBe('open');
    await pass(CLAIM_MS);
    expect(proposed).toHaveLength(1);
  });

  it('with a clock that is ahead is refused and tries again, until it is time', async () => {
    const id = open({});
    // Set forward after the last entry: nothing has told it that the others were not.
    aheadMs = 30_000;
    await pass(LENGTH_MS + 31_000);
    expect(proposed[0]).toBe('call.expire ERR_HELP_NOT_DUE');
    expect(proposed.at(-1)).toBe('call.expire');
    expect(proposed.length).toBeLessThan(4);
    expect(world.call(id).state).toBe('answered');
  });

  it('tries again when its outbox takes nothing', async () => {
    failures = 3;
    open({});
    await pass(LENGTH_MS + 2_000);
    expect(proposed).toEqual(['call.expire']);
  });

  it('does not try on and on, nor fill its log, while its outbox takes nothing', async () => {
    for (let n = 0; n < 100; n++) open({});
    await pass(LENGTH_MS - 1);
    failures = Number.MAX_SAFE_INTEGER;
    await pass(MINUTE_MS);
    const tries = Number.MAX_SAFE_INTEGER - failures;
    // 64 at once, after 0.2, 0.4, … 6.4 s and every 10 s from then on.
    expect(tries).toBeLessThan(64 * 14);
    expect(logger.lines.length).toBeLessThan(14);
    expect(logger.lines[0]).toMatchObject({ level: 'warn' });
    failures = 0;
    await pass(11_000);
    expect(proposed).toEqual(Array(100).fill('call.expire'));
    // All is well again: the next failure is met soon.
    world.timeMs = clock.nowMs();
    open({});
    await pass(LENGTH_MS - 1);
    failures = 1;
    await pass(500);
    expect(proposed).toHaveLength(101);
  });

  it('forgets what was answered in time', async () => {
    const id = open({});
    tell(world.claim(id));
    const ada = world.call(id).claim?.by;
    const answer = { id, fence: 1, text: 'Yes.' };
    tell(world.apply('call.answer', answer, { peer: ada?.peer as string, human: 'ada' }));
    await pass(2 * LENGTH_MS);
    expect(proposed).toEqual([]);
  });

  it('proposes five hundred that are due at once, each once', async () => {
    for (let n = 0; n < 500; n++) open({});
    await pass(LENGTH_MS + 1_000);
    expect(proposed).toEqual(Array(500).fill('call.expire'));
  });

  it('looks anew when its state was replaced', async () => {
    world.apply('call.open', {
      ...{ question: '?', context: '', options: [], severity: 'info', onTimeout: 'deny' },
      deadline: { afterMs: LENGTH_MS },
    });
    timers.onReplaced();
    await pass(LENGTH_MS);
    expect(proposed).toEqual(['call.expire']);
  });

  it('does not ask again and again for a call whose end is still being written', async () => {
    const id = open({});
    const row = world.state.get('openCall', id);
    let asked = 0;
    /** The entry that ends the call is on its way into the store, where calls are read. */
    const state = {
      get: (table: string) => {
        if (table === 'openCall') return row;
        if (++asked > 100) throw new Error('asked on and on');
        return { ...world.call(id), state: 'answered' };
      },
      entries: () => [[id, row]],
    } as unknown as StateReader;
    const of = new CallTimers({
      ...{ state, clock, logger: recordLogger(), isLeader: () => true },
      decide: () => Promise.reject(new Error('nothing is to be decided')),
    });
    of.onLeadership();
    await pass(LENGTH_MS + 1_000);
    of.stop();
    expect(asked).toBeGreaterThan(1);
    expect(asked).toBeLessThan(10);
  });

  it('that leads no more proposes nothing, nor one that was stopped', async () => {
    open({});
    isLeader = false;
    timers.onLeadership();
    await pass(LENGTH_MS);
    isLeader = true;
    timers.stop();
    timers.onLeadership();
    await pass(LENGTH_MS);
    expect(proposed).toEqual([]);
  });
});

it('a new leader finds what is due and what will be', async () => {
  isLeader = false;
  timers.onLeadership();
  open({});
  await pass(LENGTH_MS / 2);
  world.timeMs = clock.nowMs();
  open({});
  await pass(LENGTH_MS / 2 + MINUTE_MS);
  expect(proposed).toEqual([]);
  isLeader = true;
  timers.onLeadership();
  await pass(1_000);
  expect(proposed).toEqual(['call.expire']);
  await pass(LENGTH_MS / 2);
  expect(proposed).toEqual(['call.expire', 'call.expire']);
});
