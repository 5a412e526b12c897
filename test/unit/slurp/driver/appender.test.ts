import { describe, expect, it } from 'vitest';
import { HealthBook } from '../../../../daemon/system/health.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { RaftCore } from '../../../../protocols/raft/index.ts';
import { Appender } from '../../../../protocols/slurp/driver/appender.ts';
import { VoterClocks } from '../../../../protocols/slurp/driver/clocks/voter-clocks.ts';
import { leaderBatch } from '../../../../protocols/slurp/driver/leader-batch.ts';
import { Proposals } from '../../../../protocols/slurp/driver/proposals.ts';
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
  return { core, proposals, appender, change, write, tailIndex };
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
