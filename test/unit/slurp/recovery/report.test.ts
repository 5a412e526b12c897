import { describe, expect, it } from 'vitest';
import { type ReportSources, reportOf } from '../../../../protocols/slurp/index.ts';
import { FIRST_EPOCH } from '../../../../protocols/slurp/recovery/recovery-rules.ts';
import { headBy, openBook, some } from '../heads/voters.ts';
import { batchOf, founder, Machine, recordsOf, rename } from '../mesh-world.ts';
import { recoveryAt } from './recovery-world.ts';

const ROOT = new Uint8Array(32).fill(3);
const batches = Array.from({ length: 3 }, (_, i) =>
  batchOf(founder, { seq: i + 2 }, [rename(`n${i}`)]),
);
const voting = { canVote: true, raft: { leader: 'x' } };

async function setUp() {
  const machine = await Machine.open();
  await machine.take(batches.slice(0, 2));
  const { meshLog } = machine;
  const trust = await openBook(machine);
  const report = (consensus: ReportSources['consensus'] = voting) =>
    reportOf({ meshLog, trust, consensus });
  return { machine, trust, report };
}

describe('reportOf', () => {
  it('says how far the log is, by its end, its heads and its term', async () => {
    const { machine, trust, report } = await setUp();
    const { meshLog } = machine;
    expect(report()).toEqual({
      ...{ epoch: FIRST_EPOCH, canVote: true, isLed: true, headIndex: 0, knownIndex: 3, term: 2 },
      tail: { index: 3, term: 2 },
    });
    await meshLog.append(recordsOf(batches.slice(2), 4, { term: 5 }), 3);
    await meshLog.persist([], { term: 7, vote: null, commit: 3 });
    expect(report()).toMatchObject({ knownIndex: 3, term: 7, tail: { index: 4, term: 5 } });
    const root = meshLog.appliedRoot();
    await trust.accept(headBy([founder], { index: 3, root, by: [founder] }));
    await trust.accept(headBy([founder], { index: 20, root: ROOT, by: [founder] }));
    expect(report()).toMatchObject({ headIndex: 3, knownIndex: 20 });
  });

  it('says whether it hears of a leader', async () => {
    const { report } = await setUp();
    const alone = { canVote: true, raft: { leader: null } };
    expect(report(alone)).toMatchObject({ canVote: true, isLed: false });
    expect(report({ canVote: false, raft: undefined })).toMatchObject({
      ...{ canVote: false, isLed: false },
    });
  });

  it('speaks for the epoch of its log, not for one that it only heard of', async () => {
    const { machine, trust, report } = await setUp();
    const { meshLog } = machine;
    await trust.recover(recoveryAt({ index: 9, voters: some(1) }));
    expect([trust.epochs.current.epoch, meshLog.appliedIndex]).toEqual([1, 3]);
    expect(report().epoch).toEqual(FIRST_EPOCH);
  });

  it('gives the term of a state that no entry is left of', async () => {
    const { machine, report } = await setUp();
    await machine.log.compactBefore(4);
    expect(report().tail).toEqual({ index: 3, term: 2 });
  });
});
