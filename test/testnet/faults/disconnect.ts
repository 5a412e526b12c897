import { each, type Family } from './family.ts';

/**
 * Out of the network and in again. The engine gives the lowest free address, so of two nodes the
 * one with the higher address comes back first: they have each other's addresses then.
 */
export const disconnect: Family = {
  kind: 'disconnect',
  nodes: [1, 2],
  holdMs: [2_500, 6_500],
  start: async ({ cluster }, { nodes }) => {
    const before = await each(nodes, (node) => cluster.ip(node));
    const ids = await each(nodes, (node) => cluster.container(node));
    for (const id of ids) await cluster.docker('network', 'disconnect', cluster.network, id);
    const last = (index: number): number => Number(before[index]?.split('.')[3]);
    const order = [...nodes.keys()].sort((one, other) => last(other) - last(one));
    const heal = async () => {
      for (const index of order) {
        const alias = ['--alias', nodes[index] ?? ''];
        await cluster.docker('network', 'connect', ...alias, cluster.network, ids[index] ?? '');
      }
      return { addresses: await each(nodes, (node) => cluster.ip(node)) };
    };
    return { did: { addresses: before }, heal };
  },
};
