import { beforeEach, describe, expect, it } from 'vitest';
import {
  CooeeError,
  isCooeeError,
  LIMITS,
  type StateReader,
} from '../../../../protocols/interface/index.ts';
import {
  type HeldCommand,
  Outbox,
  type RefusedCommand,
} from '../../../../protocols/slurp/index.ts';
import {
  idOfOrder,
  packSubmission,
  submissionInput,
} from '../../../../protocols/submission/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { pullOf } from '../blocks/block-world.ts';
import { batchOf, codeOf, crypto, founder, Machine, MESH } from '../mesh-world.ts';
import { join, stored } from './outbox-fixture.ts';

// Goal: what refers to blocks waits for them in a row of its own, so that nothing else waits; it
// outlives every end of the program, and is in the log once.

let machine: Machine;
let outbox: Outbox;
let refused: [string, RefusedCommand][];
let boot = 1;

async function open(state?: StateReader): Promise<void> {
  outbox = new Outbox(
    {
      ...{ ...machine, signer: founder, crypto },
      onRefused: (command, refusal) => {
        refused.push([command.id, refusal]);
        return [];
      },
    },
    { meshId: MESH, boot, lastSeq: boot === 1 ? 1 : 0 },
  );
  await outbox.open(state ?? machine.meshLog.state);
  join(machine, outbox);
}

/** Ends the program without a word, and starts it again on what its disk kept. */
async function restart(): Promise<void> {
  await machine.restart({ log: 'kept', storeBatches: Number.MAX_SAFE_INTEGER });
  boot++;
  await open();
}

beforeEach(async () => {
  machine = await Machine.open();
  boot = 1;
  refused = [];
  await open();
});

const rows = async (): Promise<number> => {
  let count = 0;
  for await (const _row of machine.store.entries('heldback')) count++;
  return count;
};
const held = (): HeldCommand[] => [...outbox.held.all()];
const submitPull = (patch: string, more: Record<string, unknown> = {}) =>
  outbox.submit('submission.commit', pullOf(patch, more).body);
const smallBody = (address: string) =>
  packSubmission(
    crypto.sha256,
    submissionInput.parse({ kind: 'dr', address, title: 'T', decision: 'd' }),
  ).body;
const rename = (name: string) => outbox.submit('mesh.settings', { name });
const takeFirst = async (): Promise<void> => await machine.take([outbox.first()!.bytes]);
const submissions = async (): Promise<number> => {
  let count = 0;
  for await (const [key] of machine.store.entries('state')) {
    if (key.includes('/submission/')) count++;
  }
  return count;
};

describe('a command with blocks', () => {
  it('is accepted with a row of its own and no number, and nothing waits for it', async () => {
    const pull = submitPull('+1\n');
    await pull.accepted;
    await machine.clock.advance(1);
    const other = rename('at once');
    await other.accepted;
    expect([await rows(), (await stored(machine)).length]).toEqual([1, 1]);
    expect(outbox.waitingCount).toBe(2);
    expect([...outbox.undecided()].map(({ id }) => id)).toEqual([pull.id, other.id]);
    await takeFirst();
    expect(await other.decided).toMatchObject({ outcome: { ok: true } });
    expect(held()).toHaveLength(1);
  });

  it('enters a batch when its blocks are held, and its row goes with the decision', async () => {
    const pull = submitPull('+1\n');
    await pull.accepted;
    await outbox.enter(held()[0]!);
    expect(outbox.first()?.commands.map(({ id }) => id)).toEqual([pull.id]);
    expect([held().length, await rows()]).toEqual([0, 1]);
    await takeFirst();
    expect(await pull.decided).toMatchObject({ outcome: { ok: true } });
    expect([await rows(), await stored(machine), outbox.waitingCount]).toEqual([0, [], 0]);
  });

  it('counts against the limits of its agent', async () => {
    const actor = { agent: 'A' };
    for (let i = 0; i < LIMITS.outboxItemsPerAgentMax; i++) {
      outbox.submit('submission.commit', pullOf(`+${i}\n`).body, { actor });
    }
    const over = () => outbox.submit('submission.commit', pullOf('+over\n').body, { actor });
    expect(over).toThrow(expect.objectContaining({ code: 'ERR_SLURP_OUTBOX_FULL' }));
  });

  it('is not accepted when the disk does not take its row', async () => {
    machine.faults.fail('store:write', systemError('ENOSPC'));
    expect(await codeOf(submitPull('+1\n').accepted)).toBe('ERR_STORAGE_DISK_FULL');
    machine.faults.mend();
    expect([outbox.waitingCount, held().length]).toEqual([0, 0]);
    await submitPull('+1\n').accepted;
    expect(held()).toHaveLength(1);
  });

  it('is refused once, for its caller and for who asks later', async () => {
    const pull = submitPull('+1\n');
    await pull.accepted;
    await outbox.held.refuse(held()[0]!, new CooeeError('ERR_SUBMISSION_BLOCKS_FULL'));
    expect(await pull.decided).toMatchObject({ error: { code: 'ERR_SUBMISSION_BLOCKS_FULL' } });
    expect(refused).toMatchObject([[pull.id, { code: 'ERR_SUBMISSION_BLOCKS_FULL' }]]);
    expect([await rows(), outbox.waitingCount]).toEqual([0, 0]);
    await restart();
    expect(held()).toEqual([]);
  });

  it('stays when its refusal cannot be kept', async () => {
    await submitPull('+1\n').accepted;
    machine.faults.fail('store:write', systemError('ENOSPC'));
    const refusal = outbox.held.refuse(held()[0]!, new CooeeError('ERR_SUBMISSION_BLOCKS_FULL'));
    expect(await codeOf(refusal)).toBe('ERR_STORAGE_DISK_FULL');
    machine.faults.mend();
    expect([held().length, outbox.waitingCount]).toEqual([1, 1]);
  });
});

describe('over an end of the program, a command with blocks', () => {
  it('that was accepted waits again, under the same id, and no other takes that id', async () => {
    const { id, accepted } = submitPull('+1\n');
    await accepted;
    await outbox.held.noteFailing(held()[0]!, 7);
    await restart();
    expect(held()).toMatchObject([{ command: { id }, failingMs: 7, isFirst: true }]);
    expect(outbox.waitingCount).toBe(1);
    boot = 1;
    await open();
    expect(rename('another').id).not.toBe(id);
  });

  it('that had entered a batch is in that batch, once', async () => {
    await submitPull('+1\n').accepted;
    await outbox.enter(held()[0]!);
    const before = outbox.first()!.bytes;
    await restart();
    expect(held()).toEqual([]);
    expect(outbox.first()?.bytes).toEqual(before);
    expect(outbox.waitingCount).toBe(1);
    await takeFirst();
    expect([await submissions(), await rows(), outbox.waitingCount]).toEqual([1, 0, 0]);
  });

  it('that was not written into its batch waits again; another takes the number', async () => {
    await submitPull('+1\n').accepted;
    machine.faults.fail('store:write', systemError('EIO'));
    expect(await codeOf(outbox.enter(held()[0]!))).toMatch(/^ERR_STORAGE/);
    machine.faults.mend();
    expect([held().length, outbox.waitingCount]).toEqual([1, 1]);
    await rename('next').accepted;
    await takeFirst();
    await restart();
    expect(held()).toHaveLength(1);
    await outbox.enter(held()[0]!);
    await takeFirst();
    expect([await submissions(), await rows()]).toEqual([1, 0]);
  });

  it('that was decided is not handed in again', async () => {
    await submitPull('+1\n').accepted;
    await outbox.enter(held()[0]!);
    await takeFirst();
    await restart();
    expect([held().length, outbox.waitingCount, outbox.first()]).toEqual([0, 0, undefined]);
  });

  it('that the log has decided while the node was away goes, row and all', async () => {
    const { id, accepted } = submitPull('+1\n');
    await accepted;
    await outbox.enter(held()[0]!);
    const beyond = {
      get: (table: string) => (table === 'origin' ? { boot: 1, seq: 99 } : undefined),
    } as unknown as StateReader;
    await machine.restart({ log: 'kept' });
    boot++;
    await open(beyond);
    expect(refused).toMatchObject([[id, { code: 'ERR_SLURP_SKIPPED' }]]);
    expect([await rows(), await stored(machine), held()]).toEqual([0, [], []]);
  });

  it('that a newer state has decided goes, row and all', async () => {
    const pull = submitPull('+1\n');
    await pull.accepted;
    await outbox.enter(held()[0]!);
    const beyond = {
      get: (table: string) => (table === 'origin' ? { boot: 1, seq: 99 } : undefined),
    } as unknown as StateReader;
    await outbox.onReplaced(beyond);
    expect(await pull.decided).toMatchObject({ error: { code: 'ERR_SLURP_SKIPPED' } });
    expect([await rows(), await stored(machine), held()]).toEqual([0, [], []]);
  });
});

describe('a batch that is taken back', () => {
  it('lets pass what is behind it, and is handed in again under another number', async () => {
    const pull = submitPull('+1\n');
    await pull.accepted;
    await outbox.enter(held()[0]!);
    const other = rename('behind');
    await other.accepted;
    const first = outbox.first()!;
    await outbox.takeBack(first);
    expect(outbox.first()?.commands[0]?.id).toBe(other.id);
    await takeFirst();
    expect(await other.decided).toMatchObject({ outcome: { ok: true } });
    await outbox.enter(held()[0]!);
    expect(outbox.first()?.seq).toBe(4);
    await takeFirst();
    expect(await pull.decided).toMatchObject({ outcome: { ok: true } });
    expect([await submissions(), await rows(), outbox.waitingCount]).toEqual([1, 0, 0]);
  });

  it('is a submission once when the log has its first number all the same', async () => {
    const pull = submitPull('+1\n');
    await pull.accepted;
    await outbox.enter(held()[0]!);
    const first = outbox.first()!;
    await outbox.takeBack(first);
    await machine.take([first.bytes]);
    expect(await submissions()).toBe(1);
    await restart();
    await outbox.enter(held()[0]!);
    await takeFirst();
    expect([await submissions(), await rows(), outbox.waitingCount]).toEqual([1, 0, 0]);
  });

  it('gets rows when it has none, as of an earlier version of this program', async () => {
    const pull = pullOf('+1\n');
    const commands = [{ kind: 'submission.commit', body: pull.body }];
    const bytes = batchOf(founder, { seq: 2 }, commands as never);
    const key = '0000000001-000000000002';
    await machine.store.batch([{ namespace: 'outbox', key, value: bytes }], { sync: true });
    await restart();
    await outbox.takeBack(outbox.first()!);
    expect([held().length, await rows(), await stored(machine)]).toEqual([1, 1, []]);
    await restart();
    expect(held()).toHaveLength(1);
    await outbox.enter(held()[0]!);
    await takeFirst();
    expect([await submissions(), await rows()]).toEqual([1, 0]);
  });

  it('takes the row of no other command when it gets one of its own', async () => {
    // With the number of the first command in a batch of that number, of an earlier version.
    const count = 2 * LIMITS.batchCommandsMax;
    const pulls = Array.from({ length: count }, (_, i) => submitPull(`+${i}\n`));
    await Promise.all(pulls.map(({ accepted }) => accepted));
    const commands = [{ kind: 'submission.commit', body: pullOf('+another\n').body }];
    const bytes = batchOf(founder, { seq: 2 }, commands as never);
    const key = '0000000001-000000000002';
    await machine.store.batch([{ namespace: 'outbox', key, value: bytes }], { sync: true });
    await restart();
    await outbox.takeBack(outbox.first()!);
    await restart();
    expect([held().length, await rows()]).toEqual([count + 1, count + 1]);
  });

  it('nor does a later command take that row', async () => {
    // Of this start, and without blocks: only a leader that lies calls that unheld.
    await rename('a').accepted;
    await submitPull('+1\n').accepted;
    await outbox.takeBack(outbox.first()!);
    await submitPull('+2\n').accepted;
    await restart();
    expect([held().length, await rows()]).toEqual([3, 3]);
  });

  it('holds nothing up when it was decided before the word came', async () => {
    const address = 'ucxl://any@p:t/#/x';
    await submitPull('+1\n').accepted;
    await outbox.enter(held()[0]!);
    const first = outbox.first()!;
    await takeFirst();
    await outbox.takeBack(first);
    expect([await rows(), await stored(machine)]).toEqual([0, []]);
    await outbox.submit('submission.commit', smallBody(address)).accepted;
    expect([held(), outbox.first()?.commands.length]).toEqual([[], 1]);
  });
});

describe('the order', () => {
  const address = 'ucxl://any@p:t/#/x';

  it('of one author at one address stays, also of what has no blocks', async () => {
    const pull = submitPull('+1\n');
    const next = outbox.submit('submission.commit', smallBody(address));
    const elsewhere = outbox.submit('submission.commit', smallBody('ucxl://any@p:t/#/y'));
    const agent = { actor: { agent: 'A' } };
    const other = outbox.submit('submission.commit', smallBody(address), agent);
    await Promise.all([pull.accepted, next.accepted, elsewhere.accepted, other.accepted]);
    expect(held().map(({ command, isFirst }) => [command.id, isFirst])).toEqual([
      [pull.id, true],
      [next.id, false],
    ]);
    await outbox.enter(held()[0]!);
    // Not before that is decided: it may be taken back.
    expect(held()).toMatchObject([{ isFirst: false }]);
    await machine.take([...outbox.waiting()].map(({ bytes }) => bytes));
    await pull.decided;
    expect(held()).toMatchObject([{ command: { id: next.id }, isFirst: true }]);
  });

  it('has a decision behind what it decides', async () => {
    await submitPull('+1\n').accepted;
    const { order } = pullOf('+1\n');
    const id = idOfOrder(crypto.sha256, { peer: founder.peer }, order);
    const decide = (of: string) =>
      outbox.submit('submission.decide', { id: of, as: 'merged', why: 'w' });
    await Promise.all([decide(id).accepted, decide(MESH).accepted]);
    expect(held().map(({ command, isFirst }) => [command.kind, isFirst])).toEqual([
      ['submission.commit', true],
      ['submission.decide', false],
    ]);
    expect(await stored(machine)).toHaveLength(1);
  });

  it('is kept over an end of the program', async () => {
    await submitPull('+1\n').accepted;
    await outbox.submit('submission.commit', smallBody(address)).accepted;
    await submitPull('+2\n', { address: 'ucxl://any@p:t/#/z' }).accepted;
    const before = held().map(({ command, isFirst }) => [command.id, isFirst]);
    await restart();
    expect(held().map(({ command, isFirst }) => [command.id, isFirst])).toEqual(before);
  });
});

it('an outbox that is shut takes nothing in from there', async () => {
  await submitPull('+1\n').accepted;
  outbox.shut(new CooeeError('ERR_MEMBERSHIP_REMOVED'));
  const error = await outbox.enter(held()[0]!).catch((thrown: unknown) => thrown);
  expect(isCooeeError(error, 'ERR_MEMBERSHIP_REMOVED')).toBe(true);
  expect(held()).toHaveLength(1);
});
