import { describe, expect, it } from 'vitest';
import { CooeeError, type ErrorCode } from '../../../../protocols/interface/index.ts';
import {
  Courier,
  decodeBatch,
  Outbox,
  SUBMIT_BATCHES_MAX,
} from '../../../../protocols/slurp/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { LoneLeader } from '../lone-leader.ts';
import { crypto, founder, Machine, MESH, settle } from '../mesh-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';

expectNoUnhandled();

type Deliver = (batches: readonly Uint8Array[]) => Promise<number>;

async function start(options: { deliver?: Deliver; follow?: () => Promise<void> } = {}) {
  const machine = await Machine.open();
  const { meshLog } = machine;
  const outbox = new Outbox(
    { ...machine, signer: founder, crypto },
    { meshId: MESH, boot: 1, lastSeq: 1 },
  );
  await outbox.open(meshLog.state);
  meshLog.addHook((entry) => outbox.writesFor(entry));
  meshLog.onApplied((entry) => outbox.onApplied(entry));
  const leader = new LoneLeader(machine);
  const sent: { seq: number; seqs: number[]; atMs: number }[] = [];
  const propose: Deliver = (batches) => leader.propose(...batches);
  const over = { deliver: options.deliver ?? propose };
  const courier = new Courier({
    ...machine,
    meshLog,
    outbox,
    random: { bytes: (count) => new Uint8Array(count), fraction: () => 1 },
    deliver: async (batches) => {
      const seqs = batches.map((bytes) => decodeBatch(bytes).value.seq);
      sent.push({ seq: seqs[0] ?? 0, seqs, atMs: machine.clock.nowMs() });
      return await over.deliver(batches);
    },
    follow: options.follow ?? (async () => undefined),
  });
  courier.start();
  const submit = (text: string) => outbox.submit('mesh.settings', { name: text });
  return { machine, outbox, leader, courier, sent, over, submit };
}

const failing = (code: ErrorCode): Deliver => {
  return async () => {
    throw new CooeeError(code);
  };
};

describe('Courier', () => {
  it('does not wait for a leader that is frozen once there is another', async () => {
    const { machine, leader, over, submit, sent, courier } = await start();
    over.deliver = () => new Promise(() => undefined);
    const item = submit('kept');
    await machine.clock.advance(1_000);
    expect(sent).toHaveLength(1);
    over.deliver = (batches) => leader.propose(...batches);
    courier.leaderChanged();
    // At once: nothing is to be waited for.
    await settle();
    expect(await item.decided).toMatchObject({ outcome: { ok: true } });
    expect(sent.map(({ seq }) => seq)).toEqual([2, 2]);
    courier.leaderChanged();
    await courier.stop();
  });

  it('has one delivery out at a time, in order, and what came meanwhile in the next', async () => {
    let inFlight = 0;
    let mostInFlight = 0;
    const { machine, leader, over, submit, sent, courier } = await start();
    over.deliver = async (batches) => {
      mostInFlight = Math.max(mostInFlight, ++inFlight);
      await settle();
      inFlight--;
      return await leader.propose(...batches);
    };
    const items = ['a', 'b', 'c', 'd'].map(submit);
    await machine.clock.advance(10);
    items.push(submit('e'));
    await Promise.all(items.map((it) => it.accepted));
    items.push(submit('f'));
    for (let i = 0; i < 20; i++) await machine.clock.advance(0);
    expect(await Promise.all(items.map((it) => it.decided))).toHaveLength(6);
    expect(mostInFlight).toBe(1);
    const seqs = sent.flatMap((it) => it.seqs);
    expect(seqs).toEqual(seqs.map((_, i) => 2 + i));
    expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'f' });
    await courier.stop();
  });

  it('brings what waited together, as much as one delivery holds', async () => {
    const { machine, leader, over, submit, sent, courier, outbox } = await start({
      deliver: failing('ERR_SLURP_NO_LEADER'),
    });
    const items = [];
    for (let i = 0; i < 40; i++) {
      const item = submit(`name ${i}`);
      items.push(item.decided);
      await item.accepted;
    }
    const before = sent.length;
    over.deliver = (batches) => leader.propose(...batches);
    courier.nudge();
    for (let i = 0; i < 20; i++) await machine.clock.advance(1);
    expect(await Promise.all(items)).toHaveLength(40);
    const rows = sent.slice(before).map(({ seqs }) => seqs.length);
    expect(rows).toEqual([SUBMIT_BATCHES_MAX, SUBMIT_BATCHES_MAX, 40 - 2 * SUBMIT_BATCHES_MAX]);
    expect(outbox.waitingCount).toBe(0);
    expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'name 39' });
    await courier.stop();
  });

  it('does not let what is behind a batch overtake it when only the first was taken', async () => {
    const { machine, leader, over, submit, sent, courier } = await start({
      deliver: failing('ERR_SLURP_NO_LEADER'),
    });
    const items = [];
    for (const name of ['a', 'b', 'c']) {
      const item = submit(name);
      items.push(item.decided);
      await item.accepted;
    }
    over.deliver = ([first]) => leader.propose(first as Uint8Array);
    courier.nudge();
    for (let i = 0; i < 20; i++) await machine.clock.advance(1);
    await Promise.all(items);
    expect(sent.slice(-3).map(({ seqs }) => seqs)).toEqual([[2, 3, 4], [3, 4], [4]]);
    expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'c' });
    await courier.stop();
  });

  it('tries again with growing pauses, the same batch, until the leader is there', async () => {
    const { machine, leader, over, submit, sent, courier } = await start({
      deliver: failing('ERR_SLURP_NO_LEADER'),
    });
    const { accepted, decided } = submit('a');
    await accepted;
    await machine.clock.advance(30_000);
    const pauses = sent.slice(1).map(({ atMs }, i) => atMs - (sent[i]?.atMs ?? 0));
    expect(pauses.slice(0, 8)).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    expect(new Set(sent.map(({ seq }) => seq))).toEqual(new Set([2]));
    over.deliver = (batches) => leader.propose(...batches);
    await machine.clock.advance(5_000);
    expect(await decided).toMatchObject({ outcome: { ok: true } });
    await courier.stop();
  });

  it('tries at once when nudged, but not for what comes in behind', async () => {
    const { machine, submit, sent, courier } = await start({
      deliver: failing('ERR_SLURP_NO_LEADER'),
    });
    await submit('a').accepted;
    await machine.clock.advance(10_000);
    const before = sent.length;
    for (let i = 0; i < 50; i++) await submit('more').accepted;
    await settle();
    expect(sent).toHaveLength(before);
    courier.nudge();
    await machine.clock.advance(1);
    expect(sent).toHaveLength(before + 1);
    await machine.clock.advance(100);
    expect(sent).toHaveLength(before + 2);
    await courier.stop();
  });

  it('goes on at once when the log decides the batch while it waits for another try', async () => {
    const { machine, outbox, submit, sent, over, leader, courier } = await start({
      deliver: failing('ERR_WIRE_TIMEOUT'),
    });
    await submit('a').accepted;
    await machine.clock.advance(20_000);
    await submit('b').accepted;
    over.deliver = (batches) => leader.propose(...batches);
    // The answer was lost, the batch was not: it comes by way of the log.
    await leader.propose(outbox.first()?.bytes as Uint8Array);
    await machine.clock.advance(10);
    expect(sent.at(-1)?.seq).toBe(3);
    expect(outbox.waitingCount).toBe(0);
    await courier.stop();
  });

  it.each(['ERR_SUBMISSION_BLOCK_MISSING', 'ERR_SUBMISSION_BLOCKS_FULL'] as const)(
    'takes back what voters cannot hold any more, so that others go on: %s',
    async (code) => {
      const { machine, outbox, over, leader, submit, courier } = await start({
        deliver: failing(code),
      });
      const stuck = submit('stuck');
      await stuck.accepted;
      await submit('behind').accepted;
      await machine.clock.advance(4_000);
      expect(outbox.first()?.commands[0]?.id).toBe(stuck.id);
      over.deliver = async (batches) => {
        const [first] = batches as [Uint8Array];
        if (decodeBatch(first).value.seq === 2) throw new CooeeError(code);
        return await leader.propose(...batches);
      };
      for (let i = 0; i < 60; i++) await machine.clock.advance(100);
      expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'behind' });
      expect([...outbox.held.all()].map(({ command }) => command.id)).toEqual([stuck.id]);
      expect(outbox.waitingCount).toBe(1);
      await courier.stop();
    },
  );

  it.each([
    'ERR_MEMBERSHIP_REMOVED',
    'ERR_SLURP_COMMAND',
    'ERR_SLURP_LEVEL',
    'ERR_SLURP_SIGNATURE',
    'ERR_WIRE_VERSION',
  ] as const)('drops a batch that the leader refuses with %s', async (code) => {
    const { outbox, over, submit, leader, machine, courier } = await start({
      deliver: failing(code),
    });
    const { decided } = submit('a');
    expect(await decided).toEqual({ error: expect.objectContaining({ code }) });
    over.deliver = (batches) => leader.propose(...batches);
    const next = submit('b');
    await machine.clock.advance(10);
    expect(await next.decided).toMatchObject({ outcome: { ok: true } });
    expect(outbox.waitingCount).toBe(0);
    await courier.stop();
  });

  it.each([
    'ERR_API_BUSY',
    'ERR_MEMBERSHIP_NOT_MEMBER',
    'ERR_STORAGE_DISK_FULL',
    'ERR_STORAGE_IO',
    'ERR_WIRE_MALFORMED',
    'ERR_WIRE_STREAM',
    'ERR_WIRE_TOO_LARGE',
  ] as const)('keeps a batch when the way to the leader ends with %s', async (code) => {
    const { outbox, machine, submit, courier, sent } = await start({ deliver: failing(code) });
    await submit('a').accepted;
    await machine.clock.advance(1_000);
    expect(outbox.waitingCount).toBe(1);
    expect(sent.length).toBeGreaterThan(2);
    await courier.stop();
  });

  it('does not take what goes wrong while following for a refusal', async () => {
    const { outbox, machine, submit, courier, sent } = await start({
      deliver: async () => 7,
      follow: failing('ERR_SLURP_SIGNATURE') as () => Promise<never>,
    });
    await submit('a').accepted;
    await machine.clock.advance(1_000);
    expect(outbox.waitingCount).toBe(1);
    expect(sent.length).toBeGreaterThan(2);
    await courier.stop();
  });

  it('sends again when the leader says that it is done and the log does not', async () => {
    const { outbox, machine, submit, courier, sent } = await start({ deliver: async () => 1 });
    await submit('a').accepted;
    await machine.clock.advance(650);
    expect(sent).toHaveLength(3);
    expect(outbox.waitingCount).toBe(1);
    await courier.stop();
  });

  it('tries to drop a refused batch until the disk lets it', async () => {
    const made = await start({ deliver: failing('ERR_SLURP_NO_LEADER') });
    const { machine, outbox, submit, courier, over } = made;
    const { accepted, decided } = submit('a');
    await accepted;
    machine.faults.fail('store:write', systemError('ENOSPC'));
    over.deliver = failing('ERR_SLURP_SIGNATURE');
    await machine.clock.advance(2_000);
    expect(outbox.waitingCount).toBe(1);
    machine.faults.mend();
    await machine.clock.advance(5_000);
    expect(await decided).toMatchObject({ error: { code: 'ERR_SLURP_SIGNATURE' } });
    expect(outbox.waitingCount).toBe(0);
    await courier.stop();
  });

  it('stops at once while an answer is out, or never comes', async () => {
    for (const over of [{ deliver: () => new Promise<number>(() => undefined) }, {}]) {
      const { machine, submit, courier, outbox } = await start(over);
      await submit('a').accepted;
      await settle();
      await courier.stop();
      await submit('b').accepted;
      await machine.clock.advance(10_000);
      expect(outbox.waitingCount).toBeGreaterThan(0);
    }
  });
});
