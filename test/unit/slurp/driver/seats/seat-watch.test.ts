import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../../protocols/interface/index.ts';
import { SeatMarks } from '../../../../../protocols/slurp/driver/seats/seat-marks.ts';
import { SeatWatch, type SeenLog } from '../../../../../protocols/slurp/driver/seats/seat-watch.ts';
import { MemoryLog } from '../../../../../storage/memory-log.ts';
import { MemoryStore } from '../../../../../storage/memory-store.ts';
import { ManualClock } from '../../mesh-world.ts';

interface Facts {
  isAlone: boolean;
  isVoter: boolean;
  configurationIndex: number;
  tailIndex: number;
  appliedIndex: number;
  seen: SeenLog;
}

async function watchOf(given: Partial<Facts>, log = new MemoryLog()) {
  const facts: Facts = {
    isAlone: true,
    isVoter: true,
    configurationIndex: 3,
    tailIndex: 12,
    appliedIndex: 10,
    seen: { index: 40, chainIndex: 30, voters: ['b', 'c', 'd'] },
    ...given,
  };
  const clock = new ManualClock();
  const proved: (readonly string[])[] = [];
  let changes = 0;
  await log.open();
  const store = new MemoryStore();
  await store.open();
  const marks = new SeatMarks({ log, store, onFatal: () => undefined });
  await marks.open();
  const watch = new SeatWatch({
    self: 'a',
    marks,
    clock,
    logger: silentLogger,
    isAlone: () => facts.isAlone,
    isVoter: () => facts.isVoter,
    configuration: () => facts,
    held: () => facts,
    ask: async () => facts.seen,
    onVoters: (voters) => proved.push(voters),
    onChange: () => {
      changes++;
      void marks.keep();
    },
  });
  watch.start();
  return { watch, facts, clock, marks, proved, changes: () => changes };
}

describe('a node that waits for a leader', () => {
  it('gives its seat up when a later change of voters is proved that left it out', async () => {
    const { watch, clock, changes } = await watchOf({});
    await clock.advance(2_500);
    expect(watch.isOut).toBe(false);
    await clock.advance(1_000);
    expect(watch.isOut).toBe(true);
    expect(changes()).toBe(1);
    watch.stop();
  });

  it('keeps its seat while it hears a leader', async () => {
    const { watch, clock } = await watchOf({ isAlone: false });
    await clock.advance(10_000);
    expect(watch.isOut).toBe(false);
    watch.stop();
  });

  it('keeps its vote when it is one of the new voters, and tells who they are', async () => {
    const seen = { index: 40, chainIndex: 30, voters: ['a', 'b', 'c'] };
    const { watch, clock, proved } = await watchOf({ seen });
    await clock.advance(4_000);
    expect(watch.isOut).toBe(false);
    expect(proved.at(-1)).toEqual(['a', 'b', 'c']);
    watch.stop();
  });

  it('keeps its vote when the head is older than its own last change of voters', async () => {
    const { watch, clock } = await watchOf({ configurationIndex: 41, tailIndex: 42 });
    await clock.advance(10_000);
    expect(watch.isOut).toBe(false);
    watch.stop();
  });

  it('a learner follows as soon as there is more than it holds', async () => {
    const seen = { index: 13, chainIndex: 3, voters: ['b', 'c', 'd'] };
    const { watch, clock } = await watchOf({ isVoter: false, seen });
    await clock.advance(4_000);
    expect(watch.isOut).toBe(true);
    watch.stop();
  });

  it('has its seat back once its state is where the log was', async () => {
    const { watch, clock, facts, changes } = await watchOf({});
    await clock.advance(3_500);
    facts.isAlone = false;
    facts.appliedIndex = 40;
    expect(watch.isOut).toBe(false);
    await clock.advance(1_000);
    expect(changes()).toBe(2);
    // Nothing is over for good: the end of the state may be lost with the power.
    facts.appliedIndex = 39;
    expect(watch.isOut).toBe(true);
    watch.stop();
  });

  it('knows after a loss of power that what it pulled is not what Raft wrote', async () => {
    const log = new MemoryLog();
    const first = await watchOf({}, log);
    await first.clock.advance(4_000);
    first.watch.stop();
    log.crash();
    const { watch } = await watchOf({}, log);
    expect(watch.isOut).toBe(true);
    watch.stop();
  });
});
