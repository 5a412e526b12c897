import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DueQueue } from '../../../../protocols/help/timers/due-queue.ts';

// Goal: what is due comes out first, at its last time, once.

const op = fc.oneof(
  fc.record({
    set: fc.integer({ min: 0, max: 9 }),
    atMs: fc.integer({ min: 0, max: 50 }),
  }),
  fc.record({ drop: fc.integer({ min: 0, max: 9 }) }),
  fc.record({ takeMs: fc.integer({ min: 0, max: 50 }) }),
);

it('is a map from ids to times with its least time in front', () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 400 }), (ops) => {
      const queue = new DueQueue();
      const times = new Map<string, number>();
      for (const it of ops) {
        if ('set' in it) {
          queue.set(`${it.set}`, it.atMs);
          times.set(`${it.set}`, it.atMs);
        } else if ('drop' in it) {
          queue.delete(`${it.drop}`);
          times.delete(`${it.drop}`);
        } else {
          const id = queue.takeDue(it.takeMs);
          const least = Math.min(...times.values());
          if (least > it.takeMs) expect(id).toBeUndefined();
          else expect(times.get(id as string)).toBe(least);
          if (id !== undefined) times.delete(id);
        }
        expect(queue.size).toBe(times.size);
        expect(queue.firstMs()).toBe(times.size === 0 ? undefined : Math.min(...times.values()));
      }
    }),
  );
});

it('is empty once it was cleared', () => {
  const queue = new DueQueue();
  queue.set('a', 1);
  queue.clear();
  expect([queue.size, queue.firstMs(), queue.takeDue(9)]).toEqual([0, undefined, undefined]);
});
