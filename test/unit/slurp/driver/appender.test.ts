import { describe, expect, it } from 'vitest';
import { HealthBook } from '../../../../daemon/system/health.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { RaftCore } from '../../../../protocols/raft/index.ts';
import { Appender } from '../../../../protocols/slurp/driver/appender.ts';
import { VoterClocks } from '../../../../protocols/slurp/driver/clocks/voter-clocks.ts';
import { leaderBatch } from '../../../../protocols/slurp/driver/leader-batch.ts';
import { Proposals } from '../../../../protocols/slurp/driver/proposals.ts';
import { decodeEntry } from '../../../../protocols/slurp/machine/codec.ts';
import { batchOf, codeOf, crypto, founder, Machine, MESH, rename, second } from '../mesh-world.ts';

/** A leader whose disk has written nothing yet: its announcement is not committed. */
async function unwritten() {
  const { meshLog, clock } = await Machine.open();
  const { tailIndex, term } = meshLog;
  const core = new RaftCore({
    self: founder.peer,
    hardState: { term, vote: null, commit: tailIndex },
    base: { index: tailIndex, term },
    configuration: { voters: [founder.peer], learners: [] },
    ...{ configurationIndex: tailIndex, log: [], canVote: true },
    ...{ random: () => 0.5, nowMs: clock.monotonicMs() },
  });
  core.step({ type: 'tick' }, clock.monotonicMs() + 1);
  while (core.status.role !== 'leader') {
    core.takeReady();
    core.step({ type: 'persisted' }, clock.monotonicMs() + 1);
  }
  const maker = { signer: founder, crypto, clock, meshId: MESH };
  const proposals = new Proposals({ meshLog, crypto });
  const voters = () => core.status.configuration.voters;
  const clocks = new VoterClocks({ clock, health: new HealthBook(silentLogger), voters });
  const appender = new Appender({
    ...{ meshLog, clock, proposals, clocks, maker },
    recipient: 'age1aaa',
  });
  const seat = { term: core.status.term, voters: [founder.peer], learners: [second.peer] };
  const change = () => proposals.enqueue(leaderBatch(maker, 'voter.change', seat));
  const write = (seq: number) => proposals.add([batchOf(founder, { seq }, [rename(`n ${seq}`)])]);
  return { core, proposals, appender, change, write, tailIndex, clock };
}

describe('Appender', () => {
  it('announces the term once, before anything else', async () => {
    const { core, appender, tailIndex } = await unwritten();
    expect(appender.isDue(core.status)).toBe(true);
    appender.offer(core);
    appender.offer(core);
    expect(core.status.lastIndex).toBe(tailIndex + 1);
    expect(appender.isDue(core.status)).toBe(false);
  });

  it('lets a change of voters that is refused take nothing along', async () => {
    const { core, proposals, appender, change, write, tailIndex } = await unwritten();
    const codes: string[] = [];
    const note = (name: string) => (code: string) => codes.push(`${name} ${code}`);
    void codeOf(write(2)).then(note('before'));
    void codeOf(change()).then(note('change'));
    void codeOf(write(3)).then(note('behind'));
    await Promise.resolve();
    while (appender.isDue(core.status)) appender.offer(core);
    await new Promise((resolve) => setImmediate(resolve));
    expect(codes).toEqual(['change ERR_SLURP_NO_LEADER']);
    // The announcement and the two writes.
    expect(core.status.lastIndex).toBe(tailIndex + 3);
    expect(proposals.isWaiting).toBe(false);
  });

  it('lets the time of the log go on when a clock was ahead, and come back', async () => {
    const { core, proposals, appender, write, clock } = await unwritten();
    const hourMs = 3_600_000;
    let aheadMs = hourMs;
    const { monotonicMs } = clock;
    clock.nowMs = () => 1_800_000_000_000 + monotonicMs.call(clock) + aheadMs;
    const times: number[] = [];
    const step = core.step.bind(core);
    core.step = (input, nowMs) => {
      if (input.type === 'propose')
        times.push(decodeEntry(input.entries[0]?.bytes ?? new Uint8Array()).timeMs);
      step(input, nowMs);
    };
    const timeOf = (seq: number): number => {
      void codeOf(write(seq));
      while (proposals.isWaiting) appender.offer(core);
      return times.at(-1) ?? 0;
    };
    appender.offer(core);
    const first = timeOf(2);
    expect(first).toBe(clock.nowMs());
    aheadMs = 0;
    expect(timeOf(3)).toBe(first);
    // Also when there is an entry for each millisecond.
    for (let seq = 4; seq < 204; seq++) {
      await clock.advance(1);
      timeOf(seq);
    }
    expect(timeOf(204) - first).toBeGreaterThan(190);
    await clock.advance(hourMs - 200);
    const passedMs = timeOf(205) - first;
    expect(passedMs).toBeGreaterThan(0.98 * hourMs);
    // Slower than the clocks, so that these are right again one day.
    expect(passedMs).toBeLessThan(hourMs);
    await clock.advance(70 * hourMs);
    expect(timeOf(206)).toBe(clock.nowMs());
  });

  it('gives all that waits back when the core takes no more: nothing may overtake', async () => {
    const { core, proposals, appender, write } = await unwritten();
    appender.offer(core);
    const codes = [2, 3].map((seq) => codeOf(write(seq)));
    const { status } = core;
    // Leadership is being handed on, as the core will find a moment after it was asked.
    const refusing = { status, step: () => undefined } as unknown as RaftCore;
    appender.offer(refusing);
    expect(await Promise.all(codes)).toEqual(['ERR_SLURP_NO_LEADER', 'ERR_SLURP_NO_LEADER']);
    expect(proposals.isWaiting).toBe(false);
  });
});
