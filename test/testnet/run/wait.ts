import type { StatusView } from '../../../daemon/api/routes/index.ts';
import type { ClusterNode } from '../engine/cluster.ts';

/** The state of a node; undefined while it does not answer. */
export async function statusOf(node: ClusterNode): Promise<StatusView | undefined> {
  try {
    return await node.client.call('getStatus', {});
  } catch {
    return undefined;
  }
}

/**
 * Tries until `check` says that all is well, by giving undefined; what it gives otherwise is told
 * when time is up.
 */
export async function waitFor(
  what: string,
  check: () => Promise<string | undefined>,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const missing = await check();
    const tookMs = performance.now() - startedMs;
    if (missing === undefined) return tookMs;
    if (tookMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}: ${missing}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

/** Waits until a node is a member and sees a leader. */
export async function untilReady(node: ClusterNode, timeoutMs: number): Promise<number> {
  const check = async (): Promise<string | undefined> => {
    const status = await statusOf(node);
    if (status === undefined) return 'no answer';
    if (status.role === 'joining') return 'joining';
    return status.slurp.leader === null ? 'no leader' : undefined;
  };
  return await waitFor(`${node.name} is ready`, check, { timeoutMs });
}

/** Waits until all nodes agree on one leader and are connected to all others. */
export async function untilGood(
  nodes: readonly ClusterNode[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<number> {
  const check = async (): Promise<string | undefined> => {
    const leaders = new Set<string>();
    for (const node of nodes) {
      const status = await statusOf(node);
      if (status === undefined) return `${node.name} does not answer`;
      const { slurp, peers, role } = status;
      if (slurp.leader === null || role === 'joining') return `${node.name} has no leader`;
      if (peers.connected < nodes.length - 1) {
        return `${node.name} is connected to ${peers.connected}`;
      }
      leaders.add(slurp.leader);
    }
    return leaders.size === 1 ? undefined : `${leaders.size} leaders`;
  };
  return await waitFor('all nodes are connected and led', check, { timeoutMs, signal });
}

/** Waits until all nodes have applied the same entries. */
export async function untilEqual(
  nodes: readonly ClusterNode[],
  timeoutMs: number,
): Promise<number> {
  const check = async (): Promise<string | undefined> => {
    const all = await Promise.all(nodes.map(statusOf));
    const applied = all.map((status) => status?.slurp.appliedIndex);
    const isEqual = applied.every((index) => index !== undefined && index === applied[0]);
    return isEqual ? undefined : applied.join(', ');
  };
  return await waitFor('all nodes have applied as much', check, { timeoutMs });
}
