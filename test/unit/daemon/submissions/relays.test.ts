import { beforeEach, describe, expect, it } from 'vitest';
import { Relays } from '../../../../daemon/submissions/relays.ts';
import { CooeeError, type ErrorCode, isCooeeError } from '../../../../protocols/interface/index.ts';
import { decodeBatch } from '../../../../protocols/slurp/index.ts';
import type { OutboxBatch } from '../../../../protocols/slurp/outbox/outbox.ts';
import { type BlockNode, BlockWorld, pullOf } from '../../slurp/blocks/block-world.ts';

// Goal: who asks is told how far a delivery came.

let world: BlockWorld;
let author: BlockNode;
let waiting: OutboxBatch[];
let answer: ErrorCode | undefined;

const pull = pullOf('+1\n');

beforeEach(async () => {
  world = new BlockWorld();
  author = await world.node(1);
  const bytes = author.batch(1, pull);
  const { boot, seq, commands } = decodeBatch(bytes).value;
  waiting = [{ key: 'k', boot, seq, bytes, commands }];
  answer = undefined;
});

const relays = () =>
  new Relays({
    clock: author.clock,
    outbox: { waiting: () => waiting },
    deliver: async () => {
      if (answer !== undefined) throw new CooeeError(answer);
      return 7;
    },
  });

const deliver = async (it: Relays): Promise<string> => {
  try {
    return String(await it.deliver(waiting.map(({ bytes }) => bytes)));
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
};

describe('Relays', () => {
  it('remembers why the last delivery failed, until one is taken', async () => {
    const it = relays();
    expect(it.failure).toBeUndefined();
    answer = 'ERR_SLURP_NO_LEADER';
    await deliver(it);
    const failure = it.failure;
    expect([failure?.error.code, failure?.atMs]).toEqual([answer, author.clock.nowMs()]);
    answer = undefined;
    await deliver(it);
    expect(it.failure).toBeUndefined();
  });

  it('remembers when a leader took what is first', async () => {
    const it = relays();
    const [command] = waiting[0]!.commands;
    expect(it.takenMs(command!)).toBeUndefined();
    expect(await deliver(it)).toBe('7');
    expect(it.takenMs(command!)).toBe(author.clock.nowMs());
  });

  it('remembers why the last delivery came to nothing, until one is taken', async () => {
    const it = relays();
    answer = 'ERR_SLURP_NO_LEADER';
    expect(await deliver(it)).toBe('ERR_SLURP_NO_LEADER');
    expect(it.failure).toMatchObject({ error: { code: answer }, atMs: author.clock.nowMs() });
    answer = undefined;
    await deliver(it);
    expect(it.failure).toBeUndefined();
  });
});
