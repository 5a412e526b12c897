import { describe, expect, it } from 'vitest';
import { waitingIn } from '../../../../../daemon/mesh/damage/carry-over.ts';
import { Outbox } from '../../../../../protocols/slurp/index.ts';
import { MemoryStore } from '../../../../../storage/memory-store.ts';
import { BlockWorld, pullOf } from '../../../slurp/blocks/block-world.ts';
import { crypto, founder, Machine, MESH } from '../../../slurp/mesh-world.ts';
import { recordLogger } from '../../../storage/record-logger.ts';

// Goal: of a damaged home what nobody else has is kept: what was accepted and is not decided.

describe('waitingIn', () => {
  it('finds the batches of the outbox with their blocks, but for damaged ones', async () => {
    const world = new BlockWorld();
    const node = await world.node(1);
    const waits = pullOf('+1\n');
    const other = pullOf('+2\n');
    await node.contents.keep(node.peer, [...waits.blocks, ...other.blocks]);
    const key = '0000000001-000000000001';
    const value = node.batch(1, waits);
    await node.store.batch([
      { namespace: 'outbox', key, value },
      { namespace: 'outbox', key: '0000000001-000000000002', value: value.slice(0, -9) },
      { namespace: 'state', key: 'x', value: new Uint8Array(1) },
    ]);
    const logger = recordLogger();
    const writes = await waitingIn(node.store, logger);
    const [block] = waits.blocks;
    expect(writes.map((it) => [it.namespace, it.key])).toEqual([
      ['outbox', key],
      ['content', block?.cid],
      ['contentinfo', `loose/${block?.cid}`],
    ]);
    const fresh = new MemoryStore();
    await fresh.open();
    await fresh.batch(writes);
    expect(await fresh.get('outbox', key)).toEqual(value);
    expect(await fresh.get('content', block?.cid ?? '')).toEqual(block?.bytes);
    expect(logger.lines.some(({ message }) => message.includes('is damaged'))).toBe(true);
  });

  it('finds what is held back, with its blocks', async () => {
    const machine = await Machine.open();
    const waits = pullOf('+1\n');
    const init = { meshId: MESH, boot: 1, lastSeq: 1 };
    const outbox = new Outbox({ ...machine, signer: founder, crypto }, init);
    await outbox.submit('submission.commit', waits.body).accepted;
    const [block] = waits.blocks as [{ cid: string; bytes: Uint8Array }];
    const content = { namespace: 'content' as const, key: block.cid, value: block.bytes };
    const damaged = { namespace: 'heldback' as const, key: 'x', value: new Uint8Array(3) };
    await machine.store.batch([content, damaged]);
    const logger = recordLogger();
    const writes = await waitingIn(machine.store, logger);
    expect(writes.map((it) => it.namespace)).toEqual(['heldback', 'content']);
    expect(logger.lines.some(({ message }) => message.includes('is damaged'))).toBe(true);
    const next = await Machine.open();
    await next.store.batch(writes);
    const again = new Outbox({ ...next, signer: founder, crypto }, init);
    await again.open(next.meshLog.state);
    expect([...again.held.all()]).toHaveLength(1);
  });

  it('gives what it could read when the store breaks', async () => {
    const store = new MemoryStore();
    const logger = recordLogger();
    expect(await waitingIn(store, logger)).toEqual([]);
    expect(logger.lines.some(({ message }) => message.includes('cannot be read'))).toBe(true);
  });
});
