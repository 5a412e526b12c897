import { each, type Family } from './family.ts';

/** kill -9, and the restart policy of the engine brings it back. */
export const crash: Family = {
  kind: 'crash',
  nodes: [1, 2],
  holdMs: [2_000, 5_000],
  start: async ({ cluster }, { nodes }) => {
    await each(nodes, async (node) => {
      const pid = await cluster.pid(node);
      if (pid > 0) process.kill(pid, 'SIGKILL');
    });
    return { did: {}, heal: async () => undefined };
  },
};

/** kill -9, and off for a while. */
export const kill: Family = {
  kind: 'kill',
  nodes: [1, 2],
  holdMs: [2_500, 6_500],
  start: async ({ cluster }, { nodes }) => {
    const ids = await each(nodes, (node) => cluster.container(node));
    await cluster.docker('kill', ...ids);
    const heal = async () => void (await cluster.docker('start', ...ids));
    return { did: {}, heal };
  },
};

/** The majority at once, or all: nothing can be decided meanwhile, and nothing may be lost. */
export const killMajority: Family = {
  kind: 'kill-majority',
  nodes: [3, 5],
  holdMs: [3_000, 6_000],
  start: kill.start,
};

/** Stopped in order: SIGTERM, a goodbye, and back. */
export const stop: Family = {
  kind: 'stop',
  nodes: [1, 2],
  holdMs: [2_500, 6_500],
  start: async ({ cluster }, { nodes }) => {
    const ids = await each(nodes, (node) => cluster.container(node));
    await cluster.docker('stop', '-t', '10', ...ids);
    const heal = async () => void (await cluster.docker('start', ...ids));
    return { did: {}, heal };
  },
};

/** Frozen: its sockets still take connections and bytes. */
export const pause: Family = {
  kind: 'pause',
  nodes: [1, 2],
  holdMs: [2_500, 6_500],
  start: async ({ cluster }, { nodes }) => {
    const ids = await each(nodes, (node) => cluster.container(node));
    await cluster.docker('pause', ...ids);
    const heal = async () => void (await cluster.docker('unpause', ...ids));
    return { did: {}, heal };
  },
};
