import { describe, expect, it } from 'vitest';
import { CooeeError, silentLogger } from '../../../../protocols/interface/index.ts';
import { MissingBlocks } from '../../../../protocols/slurp/blocks/missing-blocks.ts';
import { MeshState } from '../../../../protocols/slurp/index.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { ManualClock, settle } from '../mesh-world.ts';
import { blockOf, recordOf } from './block-world.ts';

// What it fetches, and when it tries again, is in content-blocks.test.ts.

describe('a node that stops while it fetches blocks', () => {
  it('does not wait for the time of the next try', async () => {
    const store = new MemoryStore();
    await store.open();
    const asked = Promise.withResolvers<void>();
    const missing = new MissingBlocks({
      ...{ store, state: new MeshState(), clock: new ManualClock(), logger: silentLogger },
      has: () => false,
      fetch: () => asked.promise,
    });
    missing.add(recordOf(blockOf(1)), undefined);
    await settle();
    let isStopped = false;
    const stopped = missing.stop().then(() => {
      isStopped = true;
    });
    asked.reject(new CooeeError('ERR_API_STARTING'));
    await settle();
    expect(isStopped).toBe(true);
    await stopped;
  });
});
