import type { Cluster } from './cluster/cluster.ts';
import { EtcdCluster, etcdVersion } from './cluster/etcd.ts';
import { OurCluster } from './cluster/ours.ts';

/** How much of a bench is run. */
export interface Setting {
  /** Few runs and trials: to see that the bench works. */
  readonly isShort: boolean;
  /** The long ones too: ten minutes of elections, a million commits. */
  readonly isLong: boolean;
  /** Whether etcd is measured beside. */
  readonly hasEtcd: boolean;
  /** Voters of ours to wait for; below three only to try the benches out. */
  readonly voters: number;
}

/** Makes one cluster. */
export type MakeCluster = () => Cluster;

/** What is measured beside each other: ours, and etcd where it is. */
export function contenders({ hasEtcd, voters }: Setting): readonly MakeCluster[] {
  const ours: MakeCluster = () => new OurCluster(voters);
  return hasEtcd && etcdVersion() !== undefined ? [ours, () => new EtcdCluster()] : [ours];
}

/** Runs the task on a cluster that is made for it and gone afterwards. */
export async function onCluster<T>(
  make: MakeCluster,
  task: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = make();
  try {
    await cluster.start();
    return await task(cluster);
  } finally {
    await cluster.close();
  }
}

/** Tells how far it is, beside the table. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
