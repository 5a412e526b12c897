import { beforeEach, describe, expect, it } from 'vitest';
import { isCooeeError, LIMITS } from '../../../../protocols/interface/index.ts';
import type { AppliedEntry } from '../../../../protocols/slurp/index.ts';
import { settle } from '../mesh-world.ts';
import { type BlockNode, BlockWorld, blockOf, recordOf } from './block-world.ts';

// Goal: a block that a submission refers to is here or fetched, and sound; one that nothing refers
// to is dropped after a day; no member fills the disks of others.

const HOUR_MS = 60 * 60 * 1000;
const code = async (task: Promise<unknown>): Promise<string> => {
  try {
    await task;
    return 'ok';
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
};

let world: BlockWorld;
let here: BlockNode;
let there: BlockNode;

beforeEach(async () => {
  world = new BlockWorld();
  here = await world.node(1);
  there = await world.node(2);
});

const one = blockOf(1);

/** As the log does when it has taken a submission of that member with these blocks. */
async function apply(node: BlockNode, ...blocks: readonly ReturnType<typeof recordOf>[]) {
  const decision = {
    command: { kind: 'submission.commit' },
    outcome: { ok: true, value: { id: 'id', index: 1, isNew: true, blocks } },
  };
  const batch = { origin: there.peer };
  const entry = { batch, decisions: [decision] } as unknown as AppliedEntry;
  const writes = node.contents.writesFor(entry);
  world.attach(...blocks);
  await node.store.batch(writes);
}

describe('a block', () => {
  it('is here once it is kept, and after a restart', async () => {
    await here.contents.keep(here.peer, [one]);
    expect(await here.contents.read(recordOf(one))).toEqual(one.bytes);
    await here.contents.stop();
    await here.open();
    expect(await here.contents.held(recordOf(one))).toEqual(one.bytes);
    expect(here.contents.counts).toEqual({ loose: 1, missing: 0 });
  });

  it('of others is fetched when it is read, once for many readers', async () => {
    await there.contents.keep(there.peer, [one]);
    world.attach(recordOf(one));
    const reads = Array.from({ length: 5 }, () => here.contents.read(recordOf(one)));
    for (const read of await Promise.all(reads)) expect(read).toEqual(one.bytes);
    expect(world.wires.asked).toEqual([`${here.peer}>${there.peer} block`]);
    expect(await here.contents.held(recordOf(one))).toEqual(one.bytes);
  });

  it('that nobody has is a typed error that may pass', async () => {
    world.attach(recordOf(one));
    const read = here.contents.read(recordOf(one));
    expect(await code(read)).toBe('ERR_SUBMISSION_BLOCK_MISSING');
    await there.contents.keep(there.peer, [one]);
    expect(await here.contents.read(recordOf(one))).toEqual(one.bytes);
  });

  it('that was bent on the way, or on the disk of another, is not believed', async () => {
    const third = await world.node(3);
    for (const node of [there, third]) await node.contents.keep(there.peer, [one]);
    world.attach(recordOf(one));
    world.wires.onAnswer = (peer, _, answer) => {
      if (peer === there.peer) answer[answer.length - 1]! ^= 1;
      return answer;
    };
    expect(await here.contents.read(recordOf(one))).toEqual(one.bytes);
  });

  it('that is damaged here is fetched anew', async () => {
    for (const node of [here, there]) await node.contents.keep(there.peer, [one]);
    await apply(here, recordOf(one));
    const bent = one.bytes.slice();
    bent[7]! ^= 1;
    await here.store.batch([{ namespace: 'content', key: one.cid, value: bent }]);
    expect(await here.contents.read(recordOf(one))).toEqual(one.bytes);
    expect(await here.store.get('content', one.cid)).toEqual(one.bytes);
  });

  const bend = async (block: { cid: string; bytes: Uint8Array }): Promise<void> => {
    const bent = block.bytes.slice();
    bent[7]! ^= 1;
    await here.store.batch([{ namespace: 'content', key: block.cid, value: bent }]);
  };
  const isSound = async (block: { cid: string; bytes: Uint8Array }): Promise<boolean> =>
    Buffer.compare((await here.store.get('content', block.cid)) ?? Buffer.of(), block.bytes) === 0;

  it('that is found damaged is fetched anew, whoever looked', async () => {
    for (const node of [here, there]) await node.contents.keep(there.peer, [one]);
    await apply(here, recordOf(one));
    world.attach(recordOf(one));
    await bend(one);
    expect(await here.contents.held(recordOf(one))).toBeUndefined();
    for (let i = 0; i < 10; i++) await here.clock.advance(100);
    expect(await isSound(one)).toBe(true);
  });

  it('that is damaged and that nobody reads is found within the day', async () => {
    const blocks = Array.from({ length: 20 }, (_, i) => blockOf(100 + i));
    for (const node of [here, there]) await node.contents.keep(there.peer, blocks);
    for (const block of blocks) await apply(here, recordOf(block));
    world.attach(...blocks.map(recordOf));
    here.contents.start();
    // One a second, then all are looked at; a day later again.
    for (let i = 0; i < 25; i++) await here.clock.advance(1_000);
    await bend(blocks[3]!);
    await here.clock.advance(23 * HOUR_MS);
    expect(await isSound(blocks[3]!)).toBe(false);
    await here.clock.advance(HOUR_MS);
    for (let i = 0; i < 25; i++) await here.clock.advance(1_000);
    expect(await isSound(blocks[3]!)).toBe(true);
    await here.contents.stop();
  });

  it('of another length than its submission says is refused', async () => {
    await here.contents.keep(here.peer, [one]);
    const read = here.contents.read({ cid: one.cid, bytes: one.bytes.length + 1 });
    expect(await code(read)).toBe('ERR_SUBMISSION_MALFORMED');
  });
});

describe('a block that nothing refers to', () => {
  const isHere = async () => (await here.store.get('content', one.cid)) !== undefined;

  it('is dropped after a day, with what was known of it', async () => {
    await here.contents.keep(there.peer, [one]);
    await here.clock.advance(23 * HOUR_MS);
    expect(await isHere()).toBe(true);
    await here.clock.advance(2 * HOUR_MS);
    expect(await isHere()).toBe(false);
    expect(here.contents.counts.loose).toBe(0);
    expect(await here.contents.held(recordOf(one))).toBeUndefined();
  });

  it('is dropped after the next start, when the day passed meanwhile', async () => {
    await here.contents.keep(there.peer, [one]);
    await here.contents.stop();
    await here.clock.advance(25 * HOUR_MS);
    await here.open();
    await here.clock.advance(HOUR_MS);
    expect(await isHere()).toBe(false);
  });

  it('stays at a start that has not loaded its outbox yet', async () => {
    await here.contents.keep(here.peer, [one]);
    await here.contents.stop();
    await here.clock.advance(25 * HOUR_MS);
    await here.open();
    expect(await isHere()).toBe(true);
    here.waiting.add(one.cid);
    await here.clock.advance(HOUR_MS);
    expect(await isHere()).toBe(true);
  });

  it('stays for another day when it is wanted again, also over a restart', async () => {
    await here.contents.keep(there.peer, [one]);
    await here.clock.advance(23 * HOUR_MS);
    await here.contents.fetch(there.peer, [recordOf(one)]);
    await here.contents.stop();
    await here.open();
    await here.clock.advance(23 * HOUR_MS);
    expect(await isHere()).toBe(true);
    await here.clock.advance(2 * HOUR_MS);
    expect(await isHere()).toBe(false);
  });

  it('stays while what waits in the outbox refers to it', async () => {
    await here.contents.keep(here.peer, [one]);
    here.waiting.add(one.cid);
    await here.clock.advance(48 * HOUR_MS);
    expect(await isHere()).toBe(true);
    here.waiting.clear();
    await here.clock.advance(HOUR_MS);
    expect(await isHere()).toBe(false);
  });

  it('stays for good once the log refers to it', async () => {
    await here.contents.keep(here.peer, [one]);
    await apply(here, recordOf(one));
    expect(here.contents.counts.loose).toBe(0);
    await here.contents.stop();
    await here.clock.advance(48 * HOUR_MS);
    await here.open();
    expect(await isHere()).toBe(true);
  });

  it('counts against its member, and not against others', async () => {
    const size = 512 * 1024;
    const charge = blockOf(0, size).bytes.length + 4_096;
    const fill = Math.floor(LIMITS.submissionLooseBytesMax / charge);
    for (let n = 0; n < fill; n++) await here.contents.keep(there.peer, [blockOf(n, size)]);
    const more = blockOf(251, size);
    expect(await code(here.contents.keep(there.peer, [more]))).toBe('ERR_SUBMISSION_BLOCKS_FULL');
    expect(await code(here.contents.keep(here.peer, [more]))).toBe('ok');
    // What the log refers to counts no more.
    await apply(here, recordOf(blockOf(0, size)));
    expect(await code(here.contents.keep(there.peer, [blockOf(252, size)]))).toBe('ok');
  });
});

describe('what the log refers to and is not here', () => {
  it('is fetched in the background, from whoever has it, as soon as somebody has', async () => {
    here.contents.start();
    await apply(here, recordOf(one));
    await here.clock.advance(5_000);
    expect(here.contents.counts.missing).toBe(1);
    await there.contents.keep(there.peer, [one]);
    await here.clock.advance(60_000);
    expect(here.contents.counts.missing).toBe(0);
    expect(await here.contents.held(recordOf(one))).toEqual(one.bytes);
    await here.contents.stop();
  });

  it('is tried at once when somebody new comes', async () => {
    await apply(here, recordOf(one));
    await settle();
    await there.contents.keep(there.peer, [one]);
    here.contents.nudge();
    await here.clock.advance(10);
    expect(here.contents.counts.missing).toBe(0);
    await here.contents.stop();
  });

  it('is asked for again and again, but not all the time', async () => {
    await apply(here, recordOf(one));
    await here.clock.advance(600_000);
    expect(world.wires.asked.length).toBeGreaterThan(10);
    expect(world.wires.asked.length).toBeLessThan(60);
    await here.contents.stop();
  });

  it('is found when the state was replaced, also while another is on no disk', async () => {
    const { stateKey, stateValue } = await import('../../../../protocols/slurp/machine/stored.ts');
    const [lost, later] = [blockOf(1), blockOf(2)];
    here.contents.start();
    await apply(here, recordOf(lost));
    await here.clock.advance(5_000);
    await there.contents.keep(there.peer, [later]);
    world.attach(recordOf(later));
    const value = stateValue.encode({ id: 'id', bytes: later.bytes.length });
    const key = stateKey.format('attached', later.cid);
    await here.store.batch([{ namespace: 'state', key, value }]);
    here.contents.onReplaced();
    await here.clock.advance(2 * 60_000);
    expect(await here.contents.held(recordOf(later))).toEqual(later.bytes);
    await here.contents.stop();
  });

  it('is found in the state after a start, or when that was replaced', async () => {
    const { stateKey, stateValue } = await import('../../../../protocols/slurp/machine/stored.ts');
    const blocks = [1, 2, 3].map((n) => blockOf(n));
    await there.contents.keep(there.peer, blocks);
    world.attach(...blocks.map(recordOf));
    await here.store.batch(
      blocks.map(({ cid, bytes }) => ({
        namespace: 'state',
        key: stateKey.format('attached', cid),
        value: stateValue.encode({ id: 'id', bytes: bytes.length }),
      })),
    );
    here.contents.start();
    for (const block of blocks) {
      while ((await here.store.get('content', block.cid)) === undefined) await settle();
      expect(await here.contents.held(recordOf(block))).toEqual(block.bytes);
    }
    await here.contents.stop();
  });
});
