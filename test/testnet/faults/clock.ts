import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { each, type Family } from './family.ts';

/**
 * Loaded by a daemon before its own code: its clock on the wall goes by what a file says, in ms
 * more or less. The containers share one kernel, so there is no clock of a container to set.
 */
export const CLOCK_PRELOAD = `'use strict';
const { readFileSync } = require('node:fs');
const RealDate = Date;
let offset = 0;
const read = () => {
  try {
    offset = Number(readFileSync('/clock/offset', 'utf8')) || 0;
  } catch {
    offset = 0;
  }
};
read();
setInterval(read, 250).unref();
const now = RealDate.now.bind(RealDate);
class ShiftedDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now() + offset);
    else super(...args);
  }
  static now() {
    return now() + offset;
  }
}
globalThis.Date = ShiftedDate;
`;

const LEAST_MS = 5_000;
const MOST_MS = 90_000;

/** The clock of one node jumps, ahead or back, by 5 to 90 s; and back again. */
export const clock: Family = {
  kind: 'clock',
  nodes: [1, 1],
  holdMs: [3_000, 8_000],
  cannot: async ({ clocks }) => (clocks === undefined ? 'clocks cannot be set here' : undefined),
  start: async ({ clocks = '' }, { nodes, strength }) => {
    const far = 2 * Math.abs(strength - 0.5);
    const ms = Math.round((LEAST_MS + (MOST_MS - LEAST_MS) * far) * (strength < 0.5 ? -1 : 1));
    const set = (offset: number) =>
      each(nodes, async (node) => writeFileSync(join(clocks, node, 'offset'), String(offset)));
    await set(ms);
    return { did: { ms }, heal: async () => void (await set(0)) };
  },
};
