import { afterEach, expect, it, vi } from 'vitest';
import { letHeapGrow } from '../../../../daemon/system/heap.ts';

const flags = vi.hoisted(() => [] as string[]);
vi.mock('node:v8', () => ({ setFlagsFromString: (flag: string) => flags.push(flag) }));
afterEach(() => {
  flags.length = 0;
});

it('lets the heap grow once the log has moved, and listens no more then', () => {
  const listeners = new Set<() => void>();
  letHeapGrow({
    onApplied: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const apply = (count: number): void => {
    for (let i = 0; i < count; i++) for (const listener of [...listeners]) listener();
  };
  apply(199);
  expect([flags, listeners.size]).toEqual([[], 1]);
  apply(1);
  expect([flags, listeners.size]).toEqual([['--semi-space-growth-factor=2'], 0]);
});
