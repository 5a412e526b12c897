import { untilReady } from '../run/wait.ts';
import type { Family } from './family.ts';

/** Bounds hanging; how long it took is noted. */
const READY_MS = 120_000;

/** Every container is removed and made anew around its volume, one after the other. */
export const rolling: Family = {
  kind: 'rolling',
  nodes: [5, 5],
  holdMs: [0, 0],
  start: async ({ cluster }, { nodes }) => {
    const tookMs: number[] = [];
    for (const name of nodes) {
      const startedMs = performance.now();
      await cluster.replace(name);
      const node = cluster.nodes.find((it) => it.name === name);
      if (node !== undefined) await untilReady(node, READY_MS);
      tookMs.push(Math.round(performance.now() - startedMs));
    }
    return { did: { tookMs }, heal: async () => undefined };
  },
};
