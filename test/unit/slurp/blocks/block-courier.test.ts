import { beforeEach, describe, expect, it } from 'vitest';
import { CooeeError, type ErrorCode, LIMITS } from '../../../../protocols/interface/index.ts';
import {
  BlockCourier,
  type Command,
  Outbox,
  type Submitted,
} from '../../../../protocols/slurp/index.ts';
import { crypto, founder, Machine, MESH, settle } from '../mesh-world.ts';
import { join } from '../outbox/outbox-fixture.ts';
import { expectNoUnhandled } from '../unhandled.ts';
import { pullOf } from './block-world.ts';

expectNoUnhandled();

// Goal: what waits for its blocks is tried again and again, each on its own, and enters the outbox
// once they are held; what can never be held is refused in the end.

let machine: Machine;
let outbox: Outbox;
let courier: BlockCourier;
/** Answers of the leader, by the patch's number; without one the blocks are held. */
let answers: Map<string, ErrorCode | 'never'>;
let tries: { id: string; atMs: number }[];
let isLost: boolean;

function newCourier(): BlockCourier {
  return new BlockCourier({
    ...{ ...machine, outbox, self: founder.peer },
    random: { bytes: (count) => new Uint8Array(count), fraction: () => 1 },
    contents: {
      fetch: async () => {
        if (isLost) throw new CooeeError('ERR_SUBMISSION_BLOCK_MISSING');
      },
    },
    hold: async ({ id }: Command) => {
      tries.push({ id, atMs: machine.clock.nowMs() });
      const answer = answers.get(id);
      if (answer === 'never') await new Promise(() => undefined);
      else if (answer !== undefined) throw new CooeeError(answer);
    },
  });
}

beforeEach(async () => {
  machine = await Machine.open();
  outbox = new Outbox(
    { ...machine, signer: founder, crypto },
    { meshId: MESH, boot: 1, lastSeq: 1 },
  );
  await outbox.open(machine.meshLog.state);
  join(machine, outbox);
  answers = new Map();
  tries = [];
  isLost = false;
  courier = newCourier();
});

function submit(n: number, answer?: ErrorCode | 'never'): Submitted {
  const pull = pullOf(`+${n}\n`, { address: `ucxl://any@p:t/#/${n}` });
  const submitted = outbox.submit('submission.commit', pull.body);
  if (answer !== undefined) answers.set(submitted.id, answer);
  return submitted;
}
const pass = async (ms = 0): Promise<void> => {
  await machine.clock.advance(ms);
  await settle();
};
const inBatches = (): string[] =>
  [...outbox.waiting()].flatMap(({ commands }) => commands.map(({ id }) => id));
const triesOf = ({ id }: Submitted): number[] =>
  tries.filter((it) => it.id === id).map(({ atMs }) => atMs);

describe('BlockCourier', () => {
  it('brings in at once what is held at once', async () => {
    courier.start();
    const [a, b, c] = [submit(1), submit(2), submit(3)];
    await Promise.all([a.accepted, b.accepted, c.accepted]);
    for (let i = 0; i < 5; i++) await pass();
    expect(inBatches()).toEqual([a.id, b.id, c.id]);
    await courier.stop();
  });

  it('brings in what comes behind one that cannot be held', async () => {
    courier.start();
    const stuck = [submit(1, 'ERR_SUBMISSION_BLOCKS_FULL'), submit(2, 'ERR_API_BUSY')];
    const after = submit(3);
    await after.accepted;
    for (let i = 0; i < 5; i++) await pass();
    expect(inBatches()).toEqual([after.id]);
    expect([...outbox.held.all()].map(({ command }) => command.id)).toEqual(
      stuck.map(({ id }) => id),
    );
    expect(courier.failureOf([...outbox.held.all()][0]!.command)?.error.code).toBe(
      'ERR_SUBMISSION_BLOCKS_FULL',
    );
    await courier.stop();
  });

  it('tries again with growing pauses up to a minute, and at once when nudged', async () => {
    courier.start();
    const stuck = submit(1, 'ERR_SUBMISSION_BLOCKS_FULL');
    await stuck.accepted;
    for (let ms = 0; ms < 300_000; ms += 50) await machine.clock.advance(50);
    const times = triesOf(stuck);
    const pauses = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0));
    expect(pauses.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(Math.max(...pauses)).toBe(60_000);
    const before = triesOf(stuck).length;
    answers.clear();
    courier.nudge();
    await pass();
    expect(triesOf(stuck)).toHaveLength(before + 1);
    expect(inBatches()).toEqual([stuck.id]);
    await courier.stop();
  });

  it('has two tries out at a time, and does not wait for a leader that is gone', async () => {
    courier.start();
    const items = [submit(1, 'never'), submit(2, 'never'), submit(3)];
    await Promise.all(items.map(({ accepted }) => accepted));
    await pass(1_000);
    expect(tries).toHaveLength(2);
    answers.clear();
    courier.leaderChanged();
    for (let i = 0; i < 10; i++) await pass(10);
    expect(new Set(inBatches())).toEqual(new Set(items.map(({ id }) => id)));
    await courier.stop();
  });

  it('has what must not be overtaken before what must not overtake', async () => {
    courier.start();
    const address = 'ucxl://any@p:t/#/same';
    const first = outbox.submit('submission.commit', pullOf('+1\n', { address }).body);
    answers.set(first.id, 'ERR_SUBMISSION_BLOCKS_FULL');
    const second = outbox.submit('submission.commit', pullOf('+2\n', { address }).body);
    await second.accepted;
    await pass(10_000);
    expect(inBatches()).toEqual([]);
    answers.clear();
    courier.nudge();
    await pass();
    expect(inBatches()).toEqual([first.id]);
    await machine.take([outbox.first()!.bytes]);
    await pass();
    expect(inBatches()).toEqual([second.id]);
    await courier.stop();
  });

  it('refuses what voters could not hold for two days, over a restart', async () => {
    courier.start();
    const stuck = submit(1, 'ERR_SUBMISSION_BLOCKS_FULL');
    await stuck.accepted;
    await pass();
    await courier.stop();
    await machine.clock.advance(LIMITS.submissionHoldMs / 2);
    courier = newCourier();
    courier.start();
    await pass();
    expect(outbox.waitingCount).toBe(1);
    await courier.stop();
    await machine.clock.advance(LIMITS.submissionHoldMs / 2);
    courier = newCourier();
    courier.start();
    await pass();
    expect(await stuck.decided).toMatchObject({ error: { code: 'ERR_SUBMISSION_BLOCKS_FULL' } });
    expect(outbox.waitingCount).toBe(0);
    await courier.stop();
  });

  it('never refuses what waits for a leader', async () => {
    courier.start();
    await submit(1, 'ERR_SLURP_NO_LEADER').accepted;
    await pass();
    await machine.clock.advance(3 * LIMITS.submissionHoldMs);
    await pass();
    expect(outbox.waitingCount).toBe(1);
    await courier.stop();
  });

  it.each([
    ['ERR_SLURP_COMMAND', 'ERR_SLURP_COMMAND'],
    ['ERR_MEMBERSHIP_REMOVED', 'ERR_MEMBERSHIP_REMOVED'],
    ['ERR_SUBMISSION_BLOCK_MISSING', 'ERR_STORAGE_DAMAGED'],
  ] as const)('refuses at once for %s of what this disk has lost: %s', async (answer, code) => {
    isLost = true;
    courier.start();
    const item = submit(1, answer);
    await item.accepted;
    for (let i = 0; i < 5; i++) await pass();
    expect(await item.decided).toMatchObject({ error: { code } });
    expect(outbox.waitingCount).toBe(0);
    await courier.stop();
  });

  it('keeps what others cannot have now while its block is here', async () => {
    courier.start();
    await submit(1, 'ERR_SUBMISSION_BLOCK_MISSING').accepted;
    await pass(10_000);
    expect(outbox.waitingCount).toBe(1);
    await courier.stop();
  });

  it('stops without waiting for an answer, and what waits stays', async () => {
    courier.start();
    await submit(1, 'never').accepted;
    await pass();
    await courier.stop();
    expect([...outbox.held.all()]).toHaveLength(1);
  });
});
