import { until } from '../../../test/mesh/harness.ts';

/** Where a write of one member goes in, and in whose language. */
export interface Target {
  readonly api: 'etcd' | 'ours';
  /** A Unix socket, or else a port on loopback. */
  readonly socketPath?: string;
  readonly port?: number;
}

/** Three members on loopback, each with a disk of its own. */
export interface Cluster {
  readonly api: 'etcd' | 'ours';
  /** By member. */
  readonly targets: readonly Target[];
  /** Starts it from nothing; until all three vote. */
  start(): Promise<void>;
  /** Process id of a member that runs. */
  pid(member: number): number;
  signal(member: number, signal: NodeJS.Signals): void;
  /** Waits until the member's process is gone. */
  gone(member: number): Promise<void>;
  /** Starts a member that is gone again, without waiting. */
  spawn(member: number): void;
  /** The member that leads, as each of the given ones sees it; undefined when they differ. */
  leader(members: readonly number[]): Promise<number | undefined>;
  /** Whether everyone has everything that is committed. */
  isLevel(): Promise<boolean>;
  close(): Promise<void>;
}

export const MEMBERS = [0, 1, 2] as const;

/** Waits until all agree on who leads and have what it has; gives who leads. */
export async function settled(cluster: Cluster): Promise<number> {
  const leader = await until(
    'the three agree',
    async () => {
      const at = await cluster.leader(MEMBERS);
      return at === undefined ? undefined : { at };
    },
    60_000,
  );
  await until('the three have the same', () => cluster.isLevel(), 60_000);
  return leader.at;
}
