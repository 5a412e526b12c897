/**
 * What happens to calls is queued exactly once, whatever stops in between. Method: calls in memory,
 * a store in memory that can be made to fail, and a new feed on the same store for a restart.
 */
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../../daemon/webhook/endpoint.ts';
import { Feed } from '../../../../daemon/webhook/feed.ts';
import { DeliveryQueue, dirtyWrite, type Waiting } from '../../../../daemon/webhook/queue.ts';
import { LIMITS, silentLogger } from '../../../../protocols/interface/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { ManualClock } from '../../wire/manual-clock.ts';
import { CALL_A, CALL_B, endpointOf, FakeCalls } from './fixture.ts';

class World {
  readonly clock = new ManualClock();
  readonly calls = new FakeCalls();
  isDiskFull = false;
  readonly store = new MemoryStore({
    faults: {
      hit: () => {
        if (this.isDiskFull) throw systemError('ENOSPC');
      },
    },
  });
  queued: Waiting[] = [];
  readonly gone = new Set<string>();

  /** A feed as it is after a start of the daemon. */
  async feed(endpoints: readonly Endpoint[] = [endpointOf()]): Promise<Feed> {
    if (this.store.status !== 'open') await this.store.open();
    const queue = new DeliveryQueue(this.store, silentLogger);
    const { clock, calls: source } = this;
    const isGone = (name: string): boolean => this.gone.has(name);
    const feed = new Feed({ clock, queue, source, endpoints, isGone });
    const { dirty, told } = await queue.open();
    feed.restore(dirty, told);
    return feed;
  }

  async drain(feed: Feed): Promise<readonly string[]> {
    this.queued = [];
    await feed.drain((waiting) => this.queued.push(...waiting));
    return this.queued.map(({ call, version }) => `${call.at(-1)}${version}`);
  }

  async rows(prefix: string): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const [key] of this.store.entries('webhook')) {
      if (key.startsWith(prefix)) keys.push(key);
    }
    return keys;
  }
}

describe('Feed', () => {
  it('queues each version of a call once, and forgets a call that is over', async () => {
    const world = new World();
    const feed = await world.feed();
    world.calls.happen(CALL_A, 'call:open');
    world.calls.happen(CALL_A, 'call:claim');
    feed.mark(CALL_A);
    expect(await world.drain(feed)).toEqual(['a1', 'a2']);
    feed.mark(CALL_A);
    expect(await world.drain(feed)).toEqual([]);
    expect(await world.rows('told/')).toHaveLength(1);
    world.calls.happen(CALL_A, 'call:answer');
    feed.mark(CALL_A);
    expect(await world.drain(feed)).toEqual(['a3']);
    expect(await world.rows('told/')).toEqual([]);
    expect(await world.rows('due/')).toHaveLength(3);
  });

  it('queues once what came in one run of entries, also when that ends the call', async () => {
    const world = new World();
    const feed = await world.feed();
    for (const type of ['call:open', 'call:claim', 'call:answer'] as const) {
      world.calls.happen(CALL_A, type);
    }
    // All of a run is in the state when the first entry of it is told.
    feed.mark(CALL_A);
    const drained = world.drain(feed);
    feed.mark(CALL_A);
    feed.mark(CALL_A);
    expect(await drained).toEqual(['a1', 'a2', 'a3']);
    expect(await world.rows('due/')).toHaveLength(3);
    expect(feed.isDirty).toBe(false);
  });

  it('queues for each webhook what that one wants', async () => {
    const world = new World();
    const feed = await world.feed([
      endpointOf({ name: 'all' }),
      endpointOf({ name: 'second', escalationMin: 1 }),
    ]);
    world.calls.happen(CALL_A, 'call:open');
    world.calls.happen(CALL_A, 'call:escalate', { escalations: 1 });
    feed.mark(CALL_A);
    await world.drain(feed);
    const got = world.queued.map(({ endpoint, version }) => `${endpoint} ${version}`);
    expect(got).toEqual(['all 1', 'all 2', 'second 2']);
  });

  it('queues nothing for a webhook that is gone', async () => {
    const world = new World();
    const feed = await world.feed([endpointOf({ name: 'gone' }), endpointOf()]);
    world.gone.add('gone');
    world.calls.happen(CALL_A, 'call:open');
    feed.mark(CALL_A);
    await world.drain(feed);
    expect(world.queued.map(({ endpoint }) => endpoint)).toEqual(['ops']);
  });

  it('stops after the call that it is at; the next start goes on', async () => {
    const world = new World();
    const feed = await world.feed();
    for (const call of [CALL_A, CALL_B]) {
      world.calls.happen(call, 'call:open');
      await world.store.batch([dirtyWrite(call, true)]);
      feed.mark(call);
    }
    const drained = world.drain(feed);
    feed.stop();
    expect(await drained).toEqual(['a1']);
    expect(feed.isDirty).toBe(true);
    expect(await world.drain(await world.feed())).toEqual(['b1']);
  });

  it('goes on after a restart with what was marked and not queued', async () => {
    const world = new World();
    await world.feed();
    // The daemon ended right after the entries were applied: opened and answered in a moment.
    world.calls.happen(CALL_A, 'call:open');
    world.calls.happen(CALL_A, 'call:answer');
    await world.store.batch([dirtyWrite(CALL_A, true)]);
    const feed = await world.feed();
    feed.markAll();
    expect(await world.drain(feed)).toEqual(['a1', 'a2']);
    expect(await world.rows('dirty/')).toEqual([]);
    const again = await world.feed();
    again.markAll();
    expect(await world.drain(again)).toEqual([]);
  });

  it('finds without entries what became of calls that it knew, and the open ones', async () => {
    const world = new World();
    const before = await world.feed();
    world.calls.happen(CALL_A, 'call:open');
    before.mark(CALL_A);
    await world.drain(before);
    // A snapshot of the state brings these.
    world.calls.happen(CALL_A, 'call:answer');
    world.calls.happen(CALL_B, 'call:open');
    const feed = await world.feed();
    feed.markAll();
    expect((await world.drain(feed)).toSorted()).toEqual(['a2', 'b1']);
  });

  it('keeps a call marked while the disk is full, and queues it once', async () => {
    const world = new World();
    const feed = await world.feed();
    world.calls.happen(CALL_A, 'call:open');
    feed.mark(CALL_A);
    world.isDiskFull = true;
    await expect(world.drain(feed)).rejects.toMatchObject({ code: 'ERR_STORAGE_DISK_FULL' });
    expect(feed.isDirty).toBe(true);
    world.isDiskFull = false;
    await world.store.open();
    expect(await world.drain(feed)).toEqual(['a1']);
    expect(await world.rows('due/')).toHaveLength(1);
  });

  it('waits while the state is not sound, and while it cannot be read', async () => {
    const world = new World();
    const feed = await world.feed();
    world.calls.happen(CALL_A, 'call:open');
    feed.mark(CALL_A);
    world.calls.sound = false;
    expect(await world.drain(feed)).toEqual([]);
    world.calls.sound = true;
    world.calls.failure = new Error('the store is away');
    await expect(world.drain(feed)).rejects.toThrow('the store is away');
    world.calls.failure = undefined;
    expect(await world.drain(feed)).toEqual(['a1']);
  });

  it('tells nobody of what is long over, but of a call that is still open', async () => {
    const world = new World();
    const feed = await world.feed();
    world.calls.happen(CALL_A, 'call:open');
    world.calls.happen(CALL_A, 'call:answer');
    world.calls.happen(CALL_B, 'call:open');
    world.calls.happen(CALL_B, 'call:claim');
    await world.clock.advance(LIMITS.webhookDeliveryMsMax + 1);
    feed.mark(CALL_A);
    feed.mark(CALL_B);
    expect(await world.drain(feed)).toEqual(['b2']);
  });
});
