import { beforeEach, describe, expect, it } from 'vitest';
import { CooeeError, isCooeeError } from '../../../../protocols/interface/index.ts';
import { holdProtocol, holdRequest } from '../../../../protocols/slurp/blocks/protocol.ts';
import { decodeBatch } from '../../../../protocols/slurp/index.ts';
import { batchOf, MESH, rename, signerOf } from '../mesh-world.ts';
import { type BlockNode, BlockWorld, pullOf, recordOf } from './block-world.ts';

// Goal: what refers to blocks is proposed once a majority of the voters has them on their disks,
// and not before; what has none passes as it is.

const code = async (task: Promise<unknown>): Promise<string> => {
  try {
    await task;
    return 'ok';
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
};

let world: BlockWorld;
let leader: BlockNode;
let voters: BlockNode[];
let author: BlockNode;
/** Batches that came to be proposed. */
let proposed: number;

beforeEach(async () => {
  world = new BlockWorld();
  voters = [await world.node(1), await world.node(2), await world.node(3)];
  author = await world.node(4);
  leader = voters[0]!;
  world.leader = leader.peer;
  proposed = 0;
});

const pull = pullOf('+1\n');
const [patch] = pull.blocks as [{ cid: string; bytes: Uint8Array }];

function propose(...batches: readonly Uint8Array[]): Promise<number> {
  return leader.holding.propose(batches, async () => {
    let taken = 0;
    for (const bytes of batches) {
      try {
        leader.holding.assertHeld(decodeBatch(bytes).value);
      } catch (error) {
        if (taken === 0) throw error;
        break;
      }
      taken++;
    }
    proposed += taken;
    return taken;
  });
}

/** The leader's order to hold a block. */
function orderTo(voter: BlockNode, origin: string, block: { cid: string; bytes: Uint8Array }) {
  const body = holdRequest.encode({ origin, blocks: [recordOf(block)] });
  return world.wires.requester(leader.peer).request(voter.peer, holdProtocol(MESH), body);
}

const holders = async () => {
  const held = await Promise.all(
    voters.map(async ({ store }) => (await store.get('content', patch.cid)) !== undefined),
  );
  return held.filter(Boolean).length;
};

describe('BlockHolding', () => {
  it('lets pass what refers to no blocks, and asks nobody', async () => {
    const batch = batchOf(author.signer, { seq: 1 }, [rename('n')]);
    expect(await propose(batch)).toBe(1);
    expect(world.wires.asked).toEqual([]);
  });

  it('proposes once the voters have the blocks', async () => {
    await author.contents.keep(author.peer, pull.blocks);
    expect(await propose(author.batch(1, pull))).toBe(1);
    expect(await holders()).toBeGreaterThanOrEqual(2);
  });

  it('does so with a majority, and not with less', async () => {
    await author.contents.keep(author.peer, pull.blocks);
    world.wires.cut(voters[1]!.peer);
    expect(await propose(author.batch(1, pull))).toBe(1);
    const other = pullOf('+2\n');
    await author.contents.keep(author.peer, other.blocks);
    world.wires.cut(voters[2]!.peer);
    const missing = await propose(author.batch(2, other)).catch((thrown: unknown) => thrown);
    const without = expect.stringContaining(voters[2]!.peer);
    expect(missing).toMatchObject({
      code: 'ERR_SUBMISSION_BLOCK_MISSING',
      details: { voters: without },
    });
    expect(proposed).toBe(1);
    await voters[2]!.open();
    expect(await propose(author.batch(2, other))).toBe(1);
  });

  it('asks once for what is proposed twice at the same time', async () => {
    await author.contents.keep(author.peer, pull.blocks);
    const batch = author.batch(1, pull);
    await Promise.all([propose(batch), propose(batch)]);
    expect(world.wires.asked.filter((it) => it.endsWith('hold'))).toHaveLength(2);
    await propose(batch);
    expect(world.wires.asked.filter((it) => it.endsWith('hold'))).toHaveLength(2);
  });

  it('takes what comes together in its order, each with its blocks', async () => {
    const pulls = ['a', 'b', 'c'].map((text) => pullOf(text));
    for (const { blocks } of pulls) await author.contents.keep(author.peer, blocks);
    const batches = pulls.map((it, n) => author.batch(n + 1, it));
    // The third is beyond what is looked for of one origin at the same time.
    expect(await propose(...batches)).toBe(2);
    expect(await propose(...batches.slice(2))).toBe(1);
  });

  it('has places left for others while nobody has the blocks of one origin', async () => {
    const found = Promise.withResolvers<void>();
    for (const node of [leader, voters[1]!]) {
      const fetch = node.contents.fetch.bind(node.contents);
      node.contents.fetch = async (by, ...rest) => {
        if (by === author.peer) await found.promise;
        await fetch(by, ...rest);
      };
    }
    const pulls = ['a', 'b', 'c'].map((text) => pullOf(text));
    for (const { blocks } of pulls) await author.contents.keep(author.peer, blocks);
    const batches = pulls.map((it, n) => author.batch(n + 1, it));
    const held = batches.slice(0, 2).map((batch) => propose(batch));
    expect(await code(propose(batches[2]!))).toBe('ERR_API_BUSY');
    const orders = pulls.map(({ blocks }) => orderTo(voters[1]!, author.peer, blocks[0]!));
    expect(await code(orders[2]!)).toBe('ERR_API_BUSY');
    const other = await world.node(5);
    await other.contents.keep(other.peer, pull.blocks);
    expect(await propose(other.batch(1, pull))).toBe(1);
    expect(await code(orderTo(voters[1]!, other.peer, patch))).toBe('ok');
    found.resolve();
    expect(await Promise.all([...held, ...orders.slice(0, 2)])).toHaveLength(4);
    expect(await propose(batches[2]!)).toBe(1);
  });

  it('is told by its origin alone what nobody has', async () => {
    expect(await code(propose(author.batch(1, pull)))).toBe('ERR_SUBMISSION_BLOCK_MISSING');
    expect(proposed).toBe(0);
  });

  it('refuses for good a block that is not what its command says', async () => {
    const large = pullOf('+1\n', { summary: 's'.repeat(40_000) });
    await author.contents.keep(author.peer, large.blocks);
    const { head, block } = large.order;
    const body = { block, head: { ...head, title: 'Another' } };
    const bent = batchOf(author.signer, { seq: 1 }, [{ kind: 'submission.commit', body }]);
    expect(await code(propose(bent))).toBe('ERR_SLURP_COMMAND');
    expect(proposed).toBe(0);
  });

  it('refuses a lie about a block that is held, or in the log', async () => {
    const large = pullOf('+1\n', { summary: 's'.repeat(40_000) });
    await author.contents.keep(author.peer, large.blocks);
    expect(await propose(author.batch(1, large))).toBe(1);
    const { head, block } = large.order;
    world.attach(...large.blocks.map(recordOf));
    for (const [seq, body] of [
      [2, { block, head: { ...head, title: 'Another' } }],
      [3, { block: { ...block!, bytes: block!.bytes + 1 }, head }],
    ] as const) {
      const bent = batchOf(author.signer, { seq }, [{ kind: 'submission.commit', body }]);
      expect(await code(propose(bent))).toBe('ERR_SLURP_COMMAND');
    }
    expect(proposed).toBe(1);
  });

  it('asks the voters again later: by then they may have dropped what was not taken', async () => {
    await author.contents.keep(author.peer, pull.blocks);
    await propose(author.batch(1, pull));
    author.waiting.add(patch.cid);
    for (const { clock } of world.nodes) await clock.advance(25 * 60 * 60 * 1000);
    expect(await holders()).toBe(0);
    expect(await propose(author.batch(2, pull))).toBe(1);
    expect(await holders()).toBeGreaterThanOrEqual(2);
  });

  it('says what is wrong with the first while others are still looked for', async () => {
    const others = ['a', 'b'].map((text, n) => author.batch(n + 2, pullOf(text)));
    const first = author.batch(1, pull).slice();
    first[first.length - 1]! ^= 1;
    // An unhandled rejection would fail this run.
    expect(await code(propose(first, ...others))).toBe('ERR_SLURP_SIGNATURE');
  });

  it('fetches nothing in the name of somebody who is no member', async () => {
    const stranger = signerOf(9);
    const made = batchOf(stranger, { seq: 1 }, [{ kind: 'submission.commit', body: pull.body }]);
    const batch = made.slice();
    await author.contents.keep(author.peer, pull.blocks);
    expect(await code(propose(batch))).toBe('ERR_MEMBERSHIP_NOT_MEMBER');
    await voters[1]!.holding.relay([batch], author.peer);
    expect(world.wires.asked).toEqual([]);
  });

  it('fetches nothing for a batch that its origin did not sign', async () => {
    await author.contents.keep(author.peer, pull.blocks);
    const batch = author.batch(1, pull).slice();
    batch[batch.length - 1]! ^= 1;
    expect(await code(propose(batch))).toBe('ERR_SLURP_SIGNATURE');
    expect(world.wires.asked).toEqual([]);
  });

  it('holds nothing for who does not lead', async () => {
    await author.contents.keep(author.peer, pull.blocks);
    const body = holdRequest.encode({ origin: author.peer, blocks: [recordOf(patch)] });
    const ask = (node: BlockNode) =>
      world.wires.requester(node.peer).request(voters[2]!.peer, holdProtocol(MESH), body);
    expect(await code(ask(author))).toBe('ERR_SLURP_NO_LEADER');
    expect(await holders()).toBe(0);
    expect(await code(ask(leader))).toBe('ok');
    expect(await holders()).toBe(1);
  });

  it('fetches what is handed on, for a leader that does not reach its author', async () => {
    await author.contents.keep(author.peer, pull.blocks);
    const relay = voters[1]!;
    await relay.holding.relay([author.batch(1, pull)], author.peer);
    world.wires.cut(author.peer);
    expect(await propose(author.batch(1, pull))).toBe(1);
  });

  it('passes on what else goes wrong', async () => {
    const busy = leader.holding.propose([], async () => {
      throw new CooeeError('ERR_API_BUSY');
    });
    expect(await code(busy)).toBe('ERR_API_BUSY');
  });
});
