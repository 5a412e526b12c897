import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import type { Family } from './family.ts';

const CHUNK_BYTES = 1024 * 1024;

/** The disk of one node is full. */
export const diskFull: Family = {
  kind: 'disk-full',
  nodes: [1, 1],
  holdMs: [2_500, 6_500],
  only: ({ smallDisk }) => (smallDisk === undefined ? [] : [smallDisk.node]),
  cannot: async ({ smallDisk }) =>
    smallDisk === undefined ? 'no small file system can be mounted here' : undefined,
  start: async ({ smallDisk }) => {
    if (smallDisk === undefined) throw new Error('there is no small disk');
    const { filler } = smallDisk;
    const bytes = fill(filler);
    const heal = async (): Promise<undefined> => rmSync(filler, { force: true }) as undefined;
    return { did: { bytes }, heal };
  },
};

/** Writes until there is no room, to the last byte. */
function fill(path: string): number {
  const file = openSync(path, 'w');
  let bytes = 0;
  try {
    for (let size = CHUNK_BYTES; size >= 1; ) {
      try {
        bytes += writeSync(file, Buffer.alloc(size));
      } catch {
        size >>= 1;
      }
    }
  } finally {
    closeSync(file);
  }
  return bytes;
}
