import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { codeOf, settle } from '../mesh-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';
import { Follower, honest, logOf, type Source } from './follower.ts';

expectNoUnhandled();

const records = logOf(6);

describe('Replica.follow', () => {
  it('waits for a source that lags behind whoever named the index', async () => {
    const follower = await Follower.open([honest(logOf(4))]);
    const following = codeOf(follower.replica.follow(6));
    await follower.machine.clock.advance(300);
    follower.sources = new Map([['source 0', honest(records)]]);
    expect(await follower.machine.run(following)).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(6);
  });

  it('gives up on an index that nobody has, in time and without a storm', async () => {
    const follower = await Follower.open([honest(records)]);
    const before = follower.machine.clock.nowMs();
    const following = codeOf(follower.replica.follow(2 ** 50));
    expect(await follower.machine.run(following)).toBe('ERR_WIRE_TIMEOUT');
    const tookMs = follower.machine.clock.nowMs() - before;
    expect(tookMs).toBeGreaterThan(5_000);
    expect(tookMs).toBeLessThan(15_000);
    expect(follower.asked.length).toBeLessThan(20);
  });

  it('ends when its caller has heard enough', async () => {
    const follower = await Follower.open([() => new Promise(() => undefined)]);
    const given = new AbortController();
    const following = codeOf(follower.replica.follow(6, given.signal));
    await settle();
    given.abort(new CooeeError('ERR_API_TIMEOUT'));
    expect(await following).toBe('ERR_API_TIMEOUT');
  });

  it('says so when nobody is connected', async () => {
    const follower = await Follower.open([]);
    expect(await codeOf(follower.replica.follow(2))).toBe('ERR_SLURP_NO_LEADER');
  });
});

describe('a running replica', () => {
  it('does not go by one alone that knows as little as itself', async () => {
    // Two that fell behind may each take the other for the leader.
    const behind = honest(logOf(3));
    const follower = await Follower.open([behind, behind, honest(records)]);
    follower.replica.start();
    for (let second = 0; second < 4; second++) await follower.machine.clock.advance(1_000);
    expect(follower.meshLog.appliedIndex).toBe(6);
    expect(follower.asked[0]).toBe('source 0');
    const before = follower.asked.length;
    follower.replica.nudge();
    await follower.machine.clock.advance(1);
    expect(follower.asked[before]).toBe('source 0');
    await follower.replica.stop();
  });

  it('asks every second, and at once when nudged, during a pull too', async () => {
    let records = logOf(3);
    let release: (() => void) | undefined;
    let isHeld = false;
    const source: Source = async (from) => {
      const seen = records;
      if (isHeld) await new Promise<void>((resolve) => (release = resolve));
      return honest(seen)(from);
    };
    const follower = await Follower.open([source]);
    const { clock } = follower.machine;
    follower.replica.start();
    await clock.advance(10);
    expect(follower.meshLog.appliedIndex).toBe(3);
    records = logOf(4);
    await clock.advance(1_000);
    expect(follower.meshLog.appliedIndex).toBe(4);
    records = logOf(5);
    follower.replica.nudge();
    await clock.advance(1);
    expect(follower.meshLog.appliedIndex).toBe(5);
    isHeld = true;
    follower.replica.nudge();
    await clock.advance(1);
    // The pull under way has read the old log already.
    records = logOf(6);
    follower.replica.nudge();
    isHeld = false;
    release?.();
    await clock.advance(1);
    expect(follower.meshLog.appliedIndex).toBe(6);
    await follower.replica.stop();
  });

  it('stops at once while a source is silent', async () => {
    const follower = await Follower.open([]);
    // As a stream does: the request ends when its signal says so.
    follower.sources.set('silent', (_from, signal) => {
      return new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    });
    follower.replica.start();
    await settle();
    expect(follower.asked).toEqual(['silent']);
    await follower.replica.stop();
  });

  it('stops at once while the store fails', async () => {
    const follower = await Follower.open([honest(logOf(3))]);
    const { clock, faults } = follower.machine;
    follower.replica.start();
    await clock.advance(10);
    expect(follower.meshLog.appliedIndex).toBe(3);
    // From here on the state cannot be stored; the head, written just before it, can.
    let writes = 0;
    const hit = faults.hit.bind(faults);
    faults.hit = (point) => {
      if (point === 'store:write' && ++writes > 1) throw systemError('ENOSPC');
      hit(point);
    };
    follower.sources = new Map([['longer', honest(logOf(5))]]);
    await clock.advance(1_500);
    expect(follower.replica.headIndex).toBe(5);
    expect(follower.conditions).toEqual(['store-failed']);
    expect(follower.meshLog.appliedIndex).toBe(5);
    follower.sources = new Map([['longest', honest(logOf(7))]]);
    await clock.advance(1_500);
    await follower.replica.stop();
    await follower.meshLog.close();
    // Nothing is applied behind what cannot be written.
    expect(follower.meshLog.appliedIndex).toBe(5);
  });
});
