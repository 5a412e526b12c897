import type { HeapSpaceInfo } from 'node:v8';
import { expect, it } from 'vitest';
import { letHeapGrow, type V8 } from '../../../../daemon/system/heap.ts';

const MB = 1024 * 1024;

const heap = { flags: [] as string[], newSpaceMb: 1 };
const space = (name: string, sizeMb: number): HeapSpaceInfo => ({
  ...{ space_name: name, space_size: sizeMb * MB, space_used_size: 0 },
  ...{ space_available_size: 0, physical_space_size: 0 },
});
const v8: V8 = {
  setFlagsFromString: (flag) => heap.flags.push(flag),
  getHeapSpaceStatistics: () => [space('old_space', 500), space('new_space', heap.newSpaceMb)],
};

it('lets the heap grow once the log has moved, as far as it pays, and bounds what is old', () => {
  let applied = (): void => undefined;
  const log = {
    onApplied: (listener: () => void) => {
      applied = listener;
    },
  };
  letHeapGrow(log, v8);
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
