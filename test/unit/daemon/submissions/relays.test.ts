import { beforeEach, describe, expect, it } from 'vitest';
import { Relays } from '../../../../daemon/submissions/relays.ts';
import { CooeeError, type ErrorCode, isCooeeError } from '../../../../protocols/interface/index.ts';
import { decodeBatch } from '../../../../protocols/slurp/index.ts';
import type { OutboxBatch } from '../../../../protocols/slurp/outbox/outbox.ts';
import { type BlockNode, BlockWorld, pullOf } from '../../slurp/blocks/block-world.ts';

// Goal: what is accepted is refused only when its block is on no disk any more.

let world: BlockWorld;
let author: BlockNode;
let leader: BlockNode;
let waiting: OutboxBatch[];
let refused: string[];
let answer: ErrorCode | undefined;

const pull = pullOf('+1\n');

beforeEach(async () => {
  world = new BlockWorld();
  author = await world.node(1);
  leader = await world.node(2);
  const bytes = author.batch(1, pull);
  const { boot, seq, commands } = decodeBatch(bytes).value;
  waiting = [{ key: 'k', boot, seq, bytes, commands }];
  refused = [];
  answer = undefined;
});

const relays = () =>
  new Relays({
    self: author.peer,
    clock: author.clock,
    outbox: {
      waiting: () => waiting,
      refuse: async (_batch, { code }) => void refused.push(code),
    },
    contents: author.contents,
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
  it('remembers when a leader took what is first', async () => {
    const it = relays();
    const [command] = waiting[0]!.commands;
    expect(it.takenMs(command!)).toBeUndefined();
    expect(await deliver(it)).toBe('7');
    expect(it.takenMs(command!)).toBe(author.clock.nowMs());
  });

  it('keeps what cannot be taken now, while its block is here', async () => {
    await author.contents.keep(author.peer, pull.blocks);
    answer = 'ERR_SUBMISSION_BLOCK_MISSING';
    expect(await deliver(relays())).toBe('ERR_SUBMISSION_BLOCK_MISSING');
    expect(refused).toEqual([]);
  });

  it('takes a block that this disk has lost from whoever got it before', async () => {
    await leader.contents.keep(author.peer, pull.blocks);
    answer = 'ERR_SUBMISSION_BLOCK_MISSING';
    await deliver(relays());
    expect(refused).toEqual([]);
    const [{ cid, bytes }] = pull.blocks as [{ cid: string; bytes: Uint8Array }];
    expect(await author.contents.held({ cid, bytes: bytes.length })).toEqual(bytes);
  });

  it('refuses what can never be taken', async () => {
    answer = 'ERR_SUBMISSION_BLOCK_MISSING';
    expect(await deliver(relays())).toBe('ERR_SUBMISSION_BLOCK_MISSING');
    expect(refused).toEqual(['ERR_STORAGE_DAMAGED']);
  });

  it('does not look at blocks for any other answer', async () => {
    answer = 'ERR_SLURP_NO_LEADER';
    expect(await deliver(relays())).toBe('ERR_SLURP_NO_LEADER');
    expect(refused).toEqual([]);
  });
});
