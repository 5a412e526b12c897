import { afterEach, expect, it, vi } from 'vitest';
import { letHeapGrow } from '../../../../daemon/system/heap.ts';

const MB = 1024 * 1024;

const heap = vi.hoisted(() => ({ flags: [] as string[], newSpaceMb: 1 }));
vi.mock('node:v8', () => ({
  setFlagsFromString: (flag: string) => heap.flags.push(flag),
  getHeapSpaceStatistics: () => [
    { space_name: 'old_space', space_size: 500 * MB },
    { space_name: 'new_space', space_size: heap.newSpaceMb * MB },
  ],
}));
afterEach(() => {
  heap.flags.length = 0;
});

it('lets the heap grow once the log has moved, as far as it pays, and bounds what is old', () => {
  let applied = (): void => undefined;
  letHeapGrow({
    onApplied: (listener) => {
      applied = listener;
    },
  });
  const apply = (count: number): void => {
    for (let i = 0; i < count; i++) applied();
  };
  apply(199);
  expect(heap.flags).toEqual([]);
  apply(1);
  const grown = ['--heap-growing-percent=60', '--semi-space-growth-factor=2'];
  expect(heap.flags).toEqual(grown);
  heap.newSpaceMb = 32;
  apply(16);
  expect(heap.flags.at(-1)).toBe('--semi-space-growth-factor=1');
  apply(160);
  expect(heap.flags).toHaveLength(3);
  heap.newSpaceMb = 2;
  apply(16);
  expect(heap.flags.at(-1)).toBe('--semi-space-growth-factor=2');
});
