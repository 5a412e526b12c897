import { beforeEach, describe, expect, it } from 'vitest';
import { CooeeError, type StateReader } from '../../../../protocols/interface/index.ts';
import { type AppliedEntry, Outbox } from '../../../../protocols/slurp/index.ts';
import type { OutboxBatch } from '../../../../protocols/slurp/outbox/ports.ts';
import { systemError } from '../../../../storage/faults.ts';
import { pullOf } from '../blocks/block-world.ts';
import { codeOf, crypto, founder, Machine, MESH, settle } from '../mesh-world.ts';
import { join, name, newOutbox, start, stored } from './outbox-fixture.ts';

// Goal: whoever relays batches can hand on the later one alone, and the log takes no number below
// those that it has. What the earlier one holds was accepted: it is decided all the same, once.

let machine: Machine;
let outbox: Outbox;
let entries: AppliedEntry[];

beforeEach(async () => {
  ({ machine, outbox } = await start());
  listen();
});

function listen(): void {
  entries = [];
  machine.meshLog.onApplied((entry) => void entries.push(entry));
}

/** Accepted, in a batch of its own. */
async function accept(text: string, by = outbox) {
  const { accepted, decided, id } = by.submit('mesh.settings', name(text), { alone: true });
  await accepted;
  return { decided, id };
}

const waiting = (): OutboxBatch[] => [...outbox.waiting()];
const numbers = (): string[] => waiting().map(({ boot, seq }) => `${boot}/${seq}`);
const take = async (...batches: readonly (OutboxBatch | undefined)[]): Promise<void> => {
  await machine.take(batches.map((batch) => (batch as OutboxBatch).bytes));
  await settle();
};
/** How often the log decided a command. */
const timesDecided = (id: string): number =>
  entries.flatMap(({ decisions }) => decisions).filter(({ command }) => command.id === id).length;
const isWaiting = async (task: Promise<unknown>): Promise<boolean> => {
  let isOver = false;
  void task.then(() => {
    isOver = true;
  });
  await settle();
  return !isOver;
};

describe('a batch whose successor came into the log without it', () => {
  it('is sent under a new number, and decided once', async () => {
    const one = await accept('one');
    const two = await accept('two');
    const [, second] = waiting();
    await take(second);
    expect(await two.decided).toMatchObject({ index: 2, outcome: { ok: true } });
    expect([numbers(), (await stored(machine)).length]).toEqual([['1/4'], 1]);
    expect(outbox.first()?.commands.map(({ id }) => id)).toEqual([one.id]);
    await take(outbox.first());
    expect(await one.decided).toMatchObject({ index: 3, outcome: { ok: true } });
    expect([timesDecided(one.id), outbox.waitingCount, await stored(machine)]).toEqual([1, 0, []]);
  });

  it('changes nothing when it comes after all, at once or later', async () => {
    const one = await accept('one');
    await accept('two');
    const [first, second] = waiting() as [OutboxBatch, OutboxBatch];
    // In one run of the log: the new number is not given yet.
    await take(second, first);
    expect(await isWaiting(one.decided)).toBe(true);
    expect(numbers()).toEqual(['1/4']);
    await take(first, outbox.first(), first);
    expect(await one.decided).toMatchObject({ index: 5, outcome: { ok: true } });
    expect(timesDecided(one.id)).toBe(1);
    expect(entries.some((entry) => outbox.isForged(entry))).toBe(false);
  });

  it('goes behind what had its number before, and before what gets one later', async () => {
    await accept('one');
    await accept('two');
    await accept('three');
    const [, second] = waiting();
    const late = accept('late');
    await take(second);
    await late;
    const names = waiting().map(({ commands }) => commands[0]?.body['name']);
    expect(names.filter((it) => it !== 'late')).toEqual(['three', 'one']);
    expect(numbers()).toHaveLength(3);
    await accept('later');
    expect(waiting().at(-1)?.commands[0]?.body).toEqual(name('later'));
  });

  it('is not alone: each that was overtaken keeps its place among them', async () => {
    const all = [await accept('one'), await accept('two'), await accept('three')];
    await accept('four');
    await take(waiting().at(-1));
    expect(numbers()).toEqual(['1/6', '1/7', '1/8']);
    expect(waiting().map(({ commands }) => commands[0]?.id)).toEqual(all.map(({ id }) => id));
    await take(...waiting());
    expect(all.map(({ id }) => timesDecided(id))).toEqual([1, 1, 1]);
    expect(machine.meshLog.state.get('mesh', 'mesh')).toMatchObject({ name: 'three' });
  });

  it('of an earlier start gets a number of this one', async () => {
    const { id } = await accept('of the first start');
    await machine.restart();
    outbox = await newOutbox(machine, 2, 0);
    join(machine, outbox);
    listen();
    await accept('of the second');
    const [old, young] = waiting() as [OutboxBatch, OutboxBatch];
    await take(young);
    expect(numbers()).toEqual(['2/2']);
    await take(old, outbox.first());
    expect([timesDecided(id), outbox.waitingCount]).toEqual([1, 0]);
  });

  it('is there once after an end of the program, under its new number', async () => {
    const { id } = await accept('one');
    await accept('two');
    const [first, second] = waiting();
    await take(second);
    const renumbered = outbox.first()?.bytes;
    await machine.restart();
    outbox = await newOutbox(machine, 2, 0);
    join(machine, outbox);
    listen();
    expect(waiting().map(({ bytes }) => bytes)).toEqual([renumbered]);
    expect(outbox.waitingCount).toBe(1);
    await take(first, outbox.first());
    expect([timesDecided(id), outbox.waitingCount, await stored(machine)]).toEqual([1, 0, []]);
  });

  it('is left as it is when this node may write nothing more', async () => {
    await accept('one');
    await accept('two');
    const [, second] = waiting();
    outbox.shut(new CooeeError('ERR_MEMBERSHIP_CLONE'));
    await take(second);
    expect([numbers(), await stored(machine)].map((it) => it.length)).toEqual([1, 1]);
    expect(numbers()).toEqual(['1/2']);
    await outbox.stop();
  });
});

describe('a batch that was overtaken while the disk takes nothing', () => {
  it.each(['store:write', 'store:written'])(
    'stays as it was, and is tried again: %s',
    async (point) => {
      const one = await accept('one');
      await accept('two');
      const [first, second] = waiting();
      const end = machine.meshLog.onApplied(() => {
        machine.faults.fail(point, systemError('ENOSPC'));
      });
      await take(second);
      end();
      expect(waiting()).toEqual([first]);
      // No other takes a number meanwhile: the disk may have that one for this batch.
      const refused = outbox.submit('mesh.settings', name('refused'));
      expect(await codeOf(refused.accepted)).toBe('ERR_STORAGE_DISK_FULL');
      await machine.clock.advance(2_000);
      expect([waiting(), outbox.waitingCount]).toEqual([[first], 1]);
      const told = 'what was overtaken could not be kept anew';
      expect(machine.logger.lines.filter(({ message }) => message === told)).toHaveLength(1);
      machine.faults.mend();
      await machine.clock.advance(1_000);
      expect([numbers(), (await stored(machine)).length]).toEqual([['1/4'], 1]);
      await accept('three');
      await take(...waiting());
      expect(await one.decided).toMatchObject({ outcome: { ok: true } });
      expect([timesDecided(one.id), await stored(machine)]).toEqual([1, []]);
    },
  );

  it('is not among what a newer state has decided', async () => {
    const one = await accept('one');
    await accept('two');
    const three = await accept('three');
    const [, second] = waiting();
    const end = machine.meshLog.onApplied(() => {
      machine.faults.fail('store:write', systemError('ENOSPC'));
    });
    await take(second);
    end();
    machine.faults.mend();
    const beyond = { get: () => ({ boot: 1, seq: 4 }) } as unknown as StateReader;
    await outbox.onReplaced(beyond);
    expect(await three.decided).toMatchObject({ error: { code: 'ERR_SLURP_SKIPPED' } });
    await machine.clock.advance(1_000);
    expect([numbers(), await isWaiting(one.decided)]).toEqual([['1/5'], true]);
  });
});

describe('a batch that was overtaken and', () => {
  it('refused meanwhile stays refused, and leaves nothing on the disk', async () => {
    const one = await accept('one');
    await accept('two');
    const [first, second] = waiting() as [OutboxBatch, OutboxBatch];
    const error = new CooeeError('ERR_MEMBERSHIP_REMOVED');
    // Its write is under way when the batch is found to be overtaken.
    machine.meshLog.onApplied(() => void outbox.refuse(first, error));
    await take(second);
    expect(await one.decided).toEqual({ error });
    expect([numbers(), await stored(machine), outbox.waitingCount]).toEqual([[], [], 0]);
    await accept('three');
    expect(numbers()).toEqual(['1/5']);
  });

  it('refers to blocks keeps its row beside the new batch, and is not taken back', async () => {
    const pull = outbox.submit('submission.commit', pullOf('+1\n').body);
    await pull.accepted;
    await outbox.enter([...outbox.held.all()][0]!);
    await accept('two');
    const [first, second] = waiting() as [OutboxBatch, OutboxBatch];
    let isTakenBack: Promise<void> | undefined;
    machine.meshLog.onApplied(() => {
      isTakenBack ??= outbox.takeBack(first);
    });
    await take(second);
    await isTakenBack;
    expect([numbers(), [...outbox.held.all()]]).toEqual([['1/4'], []]);
    await machine.restart();
    outbox = await newOutbox(machine, 2, 0);
    join(machine, outbox);
    listen();
    expect([numbers(), [...outbox.held.all()], outbox.waitingCount]).toEqual([['1/4'], [], 1]);
    await take(outbox.first());
    const rows: string[] = [];
    for await (const [key] of machine.store.entries('heldback')) rows.push(key);
    expect([timesDecided(pull.id), rows, outbox.waitingCount]).toEqual([1, [], 0]);
  });
});

describe('a batch of a leader that was overtaken before it was on the disk', () => {
  beforeEach(async () => {
    machine = await Machine.open();
    outbox = new Outbox(
      { ...machine, signer: founder, crypto, isLeader: () => true },
      { meshId: MESH, boot: 1, lastSeq: 1 },
    );
    await outbox.open(machine.meshLog.state);
    join(machine, outbox);
    listen();
  });

  async function submitTwo() {
    const one = outbox.submit('mesh.settings', name('one'), { alone: true });
    const two = outbox.submit('mesh.settings', name('two'), { alone: true });
    await settle();
    expect([numbers(), await stored(machine)]).toEqual([['1/2', '1/3'], []]);
    return { one, two };
  }

  it('is accepted once its new number is there', async () => {
    const { one } = await submitTwo();
    await take(waiting()[1]);
    await one.accepted;
    expect([numbers(), (await stored(machine)).length]).toEqual([['1/4'], 1]);
    await machine.clock.advance(100);
    expect(await stored(machine)).toHaveLength(1);
    await take(outbox.first());
    expect(await one.decided).toMatchObject({ outcome: { ok: true } });
    expect(await stored(machine)).toEqual([]);
  });

  it('leaves no row of its old number behind when the disk is slow', async () => {
    await submitTwo();
    const batch = machine.store.batch.bind(machine.store);
    machine.store.batch = async (...args) => {
      await batch(...args);
      await new Promise<void>((resolve) => machine.clock.schedule(30, resolve));
    };
    await take(waiting()[1]);
    await machine.clock.advance(100);
    expect([numbers(), (await stored(machine)).length]).toEqual([['1/4'], 1]);
  });

  it('is not accepted when the disk takes nothing, and is not done later', async () => {
    const { one } = await submitTwo();
    const code = codeOf(one.accepted);
    const end = machine.meshLog.onApplied(() => {
      machine.faults.fail('store:write', systemError('ENOSPC'));
    });
    await take(waiting()[1]);
    end();
    expect(await code).toBe('ERR_STORAGE_DISK_FULL');
    machine.faults.mend();
    await machine.clock.advance(1_000);
    expect([outbox.first(), outbox.waitingCount]).toEqual([undefined, 0]);
  });
});
