import type { Cluster } from '../engine/cluster.ts';
import { has, run } from '../engine/command.ts';
import { each, type Family } from './family.ts';

const needsIptables = async (): Promise<string | undefined> =>
  (await has('iptables')) && (await has('nsenter')) ? undefined : 'no iptables or nsenter here';

/** Rules of ours are the only ones in a node's network: all of them go. */
async function flush(cluster: Cluster, nodes: readonly string[]): Promise<undefined> {
  await each(nodes, (node) => cluster.inNetworkOf(node, 'iptables', '-F'));
}

async function rule(cluster: Cluster, node: string, ...words: readonly string[]): Promise<void> {
  const { code, stderr } = await cluster.inNetworkOf(node, 'iptables', '-A', ...words);
  if (code !== 0) throw new Error(`iptables on ${node}: ${stderr}`);
}

/** Cuts every link between two groups of nodes, both ways. */
export async function separate(
  cluster: Cluster,
  some: readonly string[],
  others: readonly string[],
): Promise<() => Promise<undefined>> {
  const addresses = await each(others, (node) => cluster.ip(node));
  await each(some, async (node) => {
    for (const ip of addresses) {
      await rule(cluster, node, 'INPUT', '-s', ip, '-j', 'DROP');
      await rule(cluster, node, 'OUTPUT', '-d', ip, '-j', 'DROP');
    }
  });
  return () => flush(cluster, some);
}

/** Two nodes do not hear each other; all others hear both. */
export const cut: Family = {
  kind: 'cut',
  nodes: [2, 2],
  holdMs: [3_000, 8_000],
  cannot: needsIptables,
  start: async ({ cluster }, { nodes: [one = '', other = ''] }) => {
    return { did: {}, heal: await separate(cluster, [one], [other]) };
  },
};

/** One or two nodes on one side, all others on the other. */
export const partition: Family = {
  kind: 'partition',
  nodes: [1, 2],
  holdMs: [3_000, 8_000],
  cannot: needsIptables,
  start: async ({ cluster }, { nodes }) => {
    const names = cluster.nodes.map(({ name }) => name);
    const others = names.filter((name) => !nodes.includes(name));
    return { did: { others }, heal: await separate(cluster, nodes, others) };
  },
};

/** 10 to 30 percent of the packets to a node are lost. */
export const loss: Family = {
  kind: 'loss',
  nodes: [1, 2],
  holdMs: [4_000, 9_000],
  cannot: needsIptables,
  start: async ({ cluster }, { nodes, strength }) => {
    const share = (0.1 + 0.2 * strength).toFixed(2);
    const chance = ['-m', 'statistic', '--mode', 'random', '--probability', share];
    await each(nodes, (node) => rule(cluster, node, 'INPUT', ...chance, '-j', 'DROP'));
    return { did: { share }, heal: () => flush(cluster, nodes) };
  },
};

/** 50 to 200 ms more on every packet of a node, with jitter. */
export const delay: Family = {
  kind: 'delay',
  nodes: [1, 2],
  holdMs: [4_000, 9_000],
  cannot: async () => {
    const probe = 'ip link set lo up && tc qdisc add dev lo root netem delay 1ms';
    const { code, stderr } = await run('unshare', ['-n', 'sh', '-c', probe]);
    return code === 0 ? undefined : `tc netem: ${stderr.trim()}`;
  },
  start: async ({ cluster }, { nodes, strength }) => {
    const ms = Math.round(50 + 150 * strength);
    const onAll = (words: string): string =>
      `for i in $(ls /sys/class/net | grep '^eth'); do tc qdisc ${words}; done`;
    await each(nodes, async (node) => {
      const add = onAll(`replace dev $i root netem delay ${ms}ms ${ms >> 2}ms`);
      const { code, stderr } = await cluster.inNetworkOf(node, 'sh', '-c', add);
      if (code !== 0) throw new Error(`tc on ${node}: ${stderr}`);
    });
    const heal = async (): Promise<undefined> => {
      await each(nodes, (node) =>
        cluster.inNetworkOf(node, 'sh', '-c', onAll('del dev $i root netem')),
      );
    };
    return { did: { ms }, heal };
  },
};
