import { describe, expect, it } from 'vitest';
import type { StoreWrite } from '../../../../protocols/interface/index.ts';
import { DeferredWrites } from '../../../../storage/disk/deferred-writes.ts';

const put = (key: string, value = 0): StoreWrite => ({
  namespace: 'state',
  key,
  value: new Uint8Array([value]),
});
const valueIn = (deferred: DeferredWrites, key: string) =>
  deferred.find(`state!${key}`)?.value?.[0];
const failed = new Error('the disk is full');

/** What a promise has come to by now. */
async function outcomeOf(promise: Promise<void>): Promise<string> {
  const pending = new Promise<string>((resolve) => setImmediate(() => resolve('pending')));
  const settled = promise.then(
    () => 'written',
    (error: Error) => error.message,
  );
  return await Promise.race([settled, pending]);
}

describe('DeferredWrites', () => {
  it('shows the newest write to a key, a deletion too', () => {
    const deferred = new DeferredWrites();
    expect(deferred.find('state!a')).toBeUndefined();
    deferred.add([put('a', 1), put('b', 1), put('a', 2)]);
    expect([valueIn(deferred, 'a'), valueIn(deferred, 'b')]).toEqual([2, 1]);
    deferred.add([{ namespace: 'state', key: 'a' }]);
    expect(deferred.find('state!a')).toEqual({ namespace: 'state', key: 'a' });
    expect(deferred.find('outbox!a')).toBeUndefined();
  });

  it('gathers in one group until that is taken; the next one begins then', async () => {
    const deferred = new DeferredWrites();
    const first = deferred.add([put('a', 1)]);
    expect(deferred.add([put('b', 1)])).toBe(first);
    const { bytes } = deferred;
    expect(bytes).toBeGreaterThan(0);
    const group = deferred.take();
    expect([...(group?.writes.keys() ?? [])]).toEqual(['state!a', 'state!b']);
    expect(group?.bytes).toBe(bytes);
    expect([deferred.bytes, deferred.isGathering, deferred.isEmpty]).toEqual([0, false, false]);
    expect(deferred.take()).toBeUndefined();
    expect(deferred.add([put('a', 2)])).not.toBe(first);
    expect(await outcomeOf(first)).toBe('pending');
  });

  it('shows what is on its way until it is written, below what came later', async () => {
    const deferred = new DeferredWrites();
    const written: Promise<void>[] = [];
    const groups = [1, 2, 3].map((value) => {
      written.push(deferred.add([put('a', value), put(`only ${value}`, value)]));
      return deferred.take();
    });
    expect([valueIn(deferred, 'a'), valueIn(deferred, 'only 1')]).toEqual([3, 1]);
    deferred.settle(groups[0]);
    expect([valueIn(deferred, 'a'), valueIn(deferred, 'only 1')]).toEqual([3, undefined]);
    deferred.settle(groups[2]);
    expect(valueIn(deferred, 'a')).toBe(2);
    deferred.settle(undefined);
    deferred.settle(groups[1]);
    expect(deferred.isEmpty).toBe(true);
    expect(await Promise.all(written.map(outcomeOf))).toEqual(['written', 'written', 'written']);
  });

  it('goes on with a group that was taken and not begun, and tells nobody', async () => {
    const deferred = new DeferredWrites();
    const written = deferred.add([put('a', 1)]);
    deferred.untake(deferred.take());
    expect(deferred.isGathering).toBe(true);
    expect(deferred.add([put('b', 1)])).toBe(written);
    expect(await outcomeOf(written)).toBe('pending');
    deferred.untake(undefined);
    deferred.settle(deferred.take());
    expect(await outcomeOf(written)).toBe('written');
  });

  it('keeps in order what could not be written, and says so to all who wait', async () => {
    const deferred = new DeferredWrites();
    const first = deferred.add([put('a', 1), put('b', 1), put('c', 1)]);
    const group = deferred.take();
    const second = deferred.add([put('b', 2), put('c', 2)]);
    const behind = deferred.take();
    const third = deferred.add([put('c', 3)]);
    deferred.putBack(group, failed);
    // That of the group behind it tells the same once more.
    deferred.putBack(behind, new Error('twice'));
    for (const written of [first, second, third]) {
      expect(await outcomeOf(written)).toBe('the disk is full');
    }
    const again = deferred.take();
    expect([...(again?.writes.values() ?? [])].map(({ value }) => value?.[0])).toEqual([1, 2, 3]);
    expect(again?.bytes).toBe((group?.bytes ?? 0) + (behind?.bytes ?? 0) + 66);
    deferred.settle(again);
    expect(deferred.isEmpty).toBe(true);
  });

  it('takes no old news for that of a later group', async () => {
    const deferred = new DeferredWrites();
    const lost = deferred.add([put('a', 1)]);
    const group = deferred.take();
    deferred.drop(new Error('power'));
    expect(await outcomeOf(lost)).toBe('power');
    expect([deferred.isEmpty, deferred.isGathering]).toEqual([true, false]);
    const written = deferred.add([put('a', 2)]);
    const later = deferred.take();
    deferred.putBack(group, failed);
    deferred.putBack(undefined, failed);
    deferred.settle(group);
    expect(deferred.isGathering).toBe(false);
    expect(await outcomeOf(written)).toBe('pending');
    deferred.settle(later);
    expect(await outcomeOf(written)).toBe('written');
  });

  it('has nothing unhandled when nobody cares what became of it', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    const deferred = new DeferredWrites();
    deferred.add([put('a')]);
    deferred.putBack(deferred.take(), failed);
    deferred.drop(failed);
    await new Promise(setImmediate);
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });
});
