import { describe, expect, it } from 'vitest';
import { delay } from '../../../../protocols/interface/index.ts';
import { decodeHead } from '../../../../protocols/slurp/index.ts';
import { pullResponse } from '../../../../protocols/slurp/protocol.ts';
import { encodeHead } from '../heads/sign-head.ts';
import { founder, headOf, START_MS } from '../mesh-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';
import { Follower, honest, logOf, type Source } from './follower.ts';

// Goal: a voter that was put back from an old copy is told of by name, an accident is not; a long
// catch-up shows that it goes on.

expectNoUnhandled();

const VOTER = founder.peer;
const records = logOf(6);

/** Pulls so often, a second apart. */
async function pulls(follower: Follower, count: number): Promise<string[]> {
  const codes: string[] = [];
  for (let i = 0; i < count; i++) {
    codes.push(await follower.pull());
    await follower.machine.clock.advance(1_000);
  }
  return codes;
}

/** A follower of that log, whose only source is now another one. */
async function follow(source: Source, name = VOTER): Promise<Follower> {
  const follower = await Follower.open([honest(records)]);
  await follower.pull();
  follower.sources = new Map([[name, source]]);
  return follower;
}

/** An honest voter whose log ends there, with a head that it signs so much later. */
function endingAt(count: number, laterMs: number): Source {
  const { head } = decodeHead(headOf(records.slice(0, count)));
  const bytes = encodeHead(founder, { ...head, timeMs: START_MS + laterMs });
  return () => pullResponse.encode(bytes, []);
}

describe('log-diverged', () => {
  it.each<[string, Source]>([
    ['has another entry at the same end', honest(logOf(6, 'other'))],
    ['has other entries and is longer', honest(logOf(9, 'other'))],
    ['ends before what it has proved', endingAt(4, 1)],
  ])('is raised when the voter %s, after three seconds', async (_what, source) => {
    const follower = await follow(source);
    const conditions = () => follower.conditions.filter((code) => code === 'log-diverged');
    await pulls(follower, 3);
    expect(conditions()).toEqual([]);
    await pulls(follower, 1);
    expect(conditions()).toEqual(['log-diverged']);
    const raised = follower.machine.health.list().find(({ code }) => code === 'log-diverged');
    expect(raised).toMatchObject({ severity: 'error' });
    expect(raised?.text).toContain(`one (${VOTER})`);
    expect(raised?.text).toMatch(/see index [469]\.$/);
    expect(raised?.remedy).toContain('docs/operations.md');
    expect(follower.meshLog.appliedIndex).toBe(6);
    // Another member that lost the voter as well proves nothing.
    follower.sources = new Map([['another', honest(records)]]);
    expect(await pulls(follower, 1)).toEqual(['ok']);
    expect(conditions()).toEqual(['log-diverged']);
    follower.sources = new Map([[VOTER, honest(records)]]);
    expect(await pulls(follower, 1)).toEqual(['ok']);
    expect(conditions()).toEqual([]);
  });

  it('is over when any member has more of the log', async () => {
    const follower = await follow(honest(logOf(9, 'other')));
    await pulls(follower, 4);
    expect(follower.conditions).toEqual(['log-diverged']);
    follower.sources = new Map([['another', honest(logOf(8))]]);
    await pulls(follower, 1);
    expect(follower.conditions).toEqual([]);
  });

  it('is not raised for many pulls in three seconds, nor for two far apart', async () => {
    const follower = await follow(honest(logOf(9, 'other')));
    for (let i = 0; i < 20; i++) expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect(follower.conditions).toEqual([]);
    const other = await follow(honest(logOf(9, 'other')));
    await other.pull();
    await other.machine.clock.advance(60_000);
    await other.pull();
    expect(other.conditions).toEqual([]);
  });

  it('is not raised when a pull between fits', async () => {
    const follower = await follow(honest(logOf(9, 'other')));
    const bad = follower.sources;
    await pulls(follower, 2);
    follower.sources = new Map([[VOTER, honest(records)]]);
    await pulls(follower, 1);
    follower.sources = bad;
    await pulls(follower, 2);
    expect(follower.conditions).toEqual([]);
  });

  it.each<[string, Source, string]>([
    ['a member lags behind', endingAt(4, 1), 'a replica'],
    ["the voter's head is an old one", endingAt(4, -1), VOTER],
    ['the voter cannot be understood', () => new Uint8Array(9), VOTER],
    ['the voter has no entries', () => pullResponse.encode(headOf(logOf(9)), []), VOTER],
  ])('is not raised when %s', async (_what, source, name) => {
    const follower = await follow(source, name);
    await pulls(follower, 8);
    expect(follower.conditions).toEqual([]);
    expect(follower.meshLog.appliedIndex).toBe(6);
  });
});

describe('a long catch-up', () => {
  const told = (follower: Follower) =>
    follower.machine.logger.lines.filter(({ message }) => message === 'following the log');

  it('is told of at most once a second, and the end of the log is known at once', async () => {
    const long = logOf(2_600);
    const follower: Follower = await Follower.open([
      async (from) => {
        await delay(follower.machine.clock, 400);
        return await honest(long, 200)(from);
      },
    ]);
    const known: number[] = [];
    follower.meshLog.onApplied(() => known.push(follower.replica.knownIndex));
    expect(follower.replica.knownIndex).toBe(0);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(2_600);
    expect(follower.replica.knownIndex).toBe(2_600);
    expect(new Set(known)).toEqual(new Set([2_600]));
    const lines = told(follower);
    expect(lines[0]).toMatchObject({ level: 'info', fields: { applied: 0, held: 0, head: 2_600 } });
    // 13 answers, 400 ms apart or a little more.
    expect(lines.length).toBeGreaterThanOrEqual(4);
    expect(lines.length).toBeLessThanOrEqual(6);
    const held = lines.map(({ fields }) => Number(fields['held']));
    expect(held).toEqual([...held].sort((a, b) => a - b));
    expect(held.at(-1)).toBeGreaterThan(1_000);
  });

  it('is none when little is missing', async () => {
    const follower = await Follower.open([honest(logOf(1_000))]);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(1_000);
    expect(told(follower)).toEqual([]);
  });

  it('knows no more than heads that the voters signed', async () => {
    const follower = await follow(() => {
      const bytes = headOf(logOf(9), { ...founder, sign: () => new Uint8Array(64) });
      return pullResponse.encode(bytes, []);
    });
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect(follower.replica.knownIndex).toBe(6);
    await follower.restart({ storeBatches: 1_000 });
    expect(follower.replica.knownIndex).toBe(6);
  });
});
