import type { Cluster } from '../engine/cluster.ts';

/** What the faults are done to. */
export interface World {
  readonly cluster: Cluster;
  /** A file system of its own, and a file on it that may fill it: of one node. */
  readonly smallDisk: { readonly node: string; readonly filler: string } | undefined;
  /** Folder with a file for each node that its clock goes by; undefined when clocks are fixed. */
  readonly clocks: string | undefined;
}

/** One fault as it was drawn. */
export interface Target {
  /** The nodes that are disturbed. */
  readonly nodes: readonly string[];
  /** How hard, 0 to 1. */
  readonly strength: number;
}

/** Ends a fault; what it tells goes into the history. */
export type Heal = () => Promise<Record<string, unknown> | undefined>;

/** A kind of fault. */
export interface Family {
  readonly kind: string;
  /** Nodes that it disturbs at once, at least and at most; of five. */
  readonly nodes: readonly [number, number];
  /** How long it lasts, least and most, ms. */
  readonly holdMs: readonly [number, number];
  /** Only these can be disturbed; all when absent. */
  readonly only?: (world: World) => readonly string[];
  /** Why it cannot be done here; undefined when it can. */
  readonly cannot?: (world: World) => Promise<string | undefined>;
  /**
   * Begins the fault.
   *
   * @returns what was done, for the history, and what ends it
   */
  start(
    world: World,
    target: Target,
  ): Promise<{ readonly did: Record<string, unknown>; readonly heal: Heal }>;
}

/** Runs a task for each node at once. */
export async function each<T>(
  nodes: readonly string[],
  task: (node: string) => Promise<T>,
): Promise<T[]> {
  return await Promise.all(nodes.map(task));
}
