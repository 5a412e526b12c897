import { isCooeeError } from '../../../protocols/interface/index.ts';
import type { Cluster, ClusterNode } from '../engine/cluster.ts';
import { separate, type World } from '../faults/index.ts';
import { pauseFor } from '../faults/play.ts';
import { statusOf, untilEqual, untilGood, waitFor } from './wait.ts';

/** One row of the table of figures. */
export interface Figure {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  readonly isMet: boolean | undefined;
}

const PARTITION_MS = 60_000;
const OUTAGE_MS = 45_000;
const REJOIN_MS_MAX = 3_000;
const SETTLE_MS = 120_000;
const WRITE_TIMEOUT_MS = 5_000;
/** Between two writes of one node: a look at how it goes, no load. */
const WRITE_EVERY_MS = 200;

/** The figures of a long run, taken before the faults, with nothing else going on. */
export async function measureLong(world: World, signal: AbortSignal): Promise<readonly Figure[]> {
  const { cluster } = world;
  return [
    ...(await measurePartition(cluster, signal)),
    await measureOutage(cluster, signal),
    await measureUnplugged(cluster, signal),
  ];
}

/** How it went on one side while the mesh was cut in two. */
interface Side {
  committed: number;
  /** Writes that were not committed in time, by what was answered. */
  readonly failed: Map<string, number>;
  longestMs: number;
  /** Linearizable reads that were refused, by code. */
  readonly refused: Map<string, number>;
  /** Plain reads that were answered while no leader was shown. */
  reads: number;
}

/** Three voters on one side, the leader and another on the other, for a minute. */
async function measurePartition(cluster: Cluster, signal: AbortSignal): Promise<readonly Figure[]> {
  await untilGood(cluster.nodes, SETTLE_MS, signal);
  const leader = await leaderOf(cluster);
  const others = cluster.nodes.filter((node) => node !== leader);
  const few = [leader, ...others.slice(0, 1)];
  const many = others.slice(1);
  const names = (nodes: readonly ClusterNode[]) => nodes.map(({ name }) => name);
  const heal = await separate(cluster, names(few), names(many));
  let sides: readonly Side[];
  try {
    const endMs = performance.now() + PARTITION_MS;
    sides = await Promise.all([many, few].map((nodes) => probe(nodes, endMs, signal)));
  } finally {
    await heal();
  }
  const equalMs = await untilEqual(cluster.nodes, SETTLE_MS);
  const [majority, minority] = sides;
  if (majority === undefined || minority === undefined) return [];
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([code, count]) => `${count} × ${code}`).join(', ') || 'none';
  return [
    {
      what: 'partition 3|2 for 60 s: writes of the majority',
      wanted: 'no failed one',
      measured:
        `${majority.committed} committed, failed: ${list(majority.failed)}; ` +
        `the longest took ${ms(majority.longestMs)}`,
      isMet: majority.failed.size === 0 && majority.committed > 0,
    },
    {
      what: 'the same: writes of the minority',
      wanted: 'none committed',
      measured: `${minority.committed} committed, ${list(minority.failed)}`,
      isMet: minority.committed === 0 && minority.failed.size > 0,
    },
    {
      what: 'the same: linearizable reads of the minority',
      wanted: 'refused with a code',
      measured: list(minority.refused),
      isMet: minority.refused.size > 0,
    },
    {
      what: 'the same: plain reads of the minority',
      wanted: 'answered, marked',
      measured: `${minority.reads} answered, with their index, and no leader in the status`,
      isMet: minority.reads > 0,
    },
    {
      what: 'the same: healed, until all are equal',
      wanted: '≤ 3 s',
      measured: ms(equalMs),
      isMet: equalMs <= REJOIN_MS_MAX,
    },
  ];
}

/** Writes and reads on each of the nodes until time is up. */
async function probe(
  nodes: readonly ClusterNode[],
  endMs: number,
  signal: AbortSignal,
): Promise<Side> {
  const side: Side = {
    committed: 0,
    failed: new Map(),
    longestMs: 0,
    refused: new Map(),
    reads: 0,
  };
  const one = async (node: ClusterNode): Promise<void> => {
    for (let round = 0; performance.now() < endMs - WRITE_TIMEOUT_MS && !signal.aborted; round++) {
      const startMs = performance.now();
      const answer = await write(node, `probe-${round}-${Math.round(startMs)}`);
      if (answer === 'committed') side.committed += 1;
      else count(side.failed, answer);
      side.longestMs = Math.max(side.longestMs, performance.now() - startMs);
      const code = await readLinearizable(node);
      if (code !== undefined) count(side.refused, code);
      const status = await statusOf(node);
      if (status?.slurp.leader === null && (await reads(node))) side.reads += 1;
      await pauseFor(WRITE_EVERY_MS, signal);
    }
  };
  await Promise.all(nodes.map(one));
  return side;
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** Hands in a record and waits for its commit; how far it came, or the code of the refusal. */
async function write(node: ClusterNode, name: string): Promise<string> {
  const address = `ucxl://any:testnet@probe:${node.name}/#/${name}`;
  try {
    const { state } = await node.client.call('submit', {
      query: { wait: 'committed', timeoutMs: WRITE_TIMEOUT_MS },
      body: { kind: 'dr', address, title: name },
    });
    return state;
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
}

async function readLinearizable(node: ClusterNode): Promise<string | undefined> {
  try {
    await node.client.call('listMembers', { query: { consistency: 'linearizable' } });
    return undefined;
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
}

async function reads(node: ClusterNode): Promise<boolean> {
  const { members } = await node.client.call('listMembers', {});
  return members.length > 0;
}

/** A host is off for 45 s: from its start to its being a member like the others. */
async function measureOutage(cluster: Cluster, signal: AbortSignal): Promise<Figure> {
  const node = await someFollower(cluster, signal);
  const id = await cluster.container(node.name);
  await cluster.docker('stop', id);
  await pauseFor(OUTAGE_MS, signal);
  await cluster.docker('start', id);
  const tookMs = await untilBack(cluster, node);
  return rejoin('a host that was off for 45 s, from its start', tookMs);
}

/** A host has no network for 45 s: from the cable to its being a member like the others. */
async function measureUnplugged(cluster: Cluster, signal: AbortSignal): Promise<Figure> {
  const node = await someFollower(cluster, signal);
  const names = cluster.nodes.map(({ name }) => name).filter((name) => name !== node.name);
  const heal = await separate(cluster, [node.name], names);
  try {
    await pauseFor(OUTAGE_MS, signal);
  } finally {
    await heal();
  }
  const tookMs = await untilBack(cluster, node);
  return rejoin('a host that was without network for 45 s', tookMs);
}

function rejoin(what: string, tookMs: number): Figure {
  return { what, wanted: '≤ 3 s', measured: ms(tookMs), isMet: tookMs <= REJOIN_MS_MAX };
}

/** It is connected to all, sees the leader, and shows what was committed on the others. */
async function untilBack(cluster: Cluster, node: ClusterNode): Promise<number> {
  const check = async (): Promise<string | undefined> => {
    const status = await statusOf(node);
    if (status === undefined) return 'no answer';
    if (status.peers.connected < cluster.nodes.length - 1) {
      return `connected to ${status.peers.connected}`;
    }
    return await readLinearizable(node);
  };
  return await waitFor(`${node.name} is back`, check, { timeoutMs: SETTLE_MS });
}

async function leaderOf(cluster: Cluster): Promise<ClusterNode> {
  for (const node of cluster.nodes) {
    if ((await statusOf(node))?.slurp.isLeader === true) return node;
  }
  throw new Error('no node leads');
}

async function someFollower(cluster: Cluster, signal: AbortSignal): Promise<ClusterNode> {
  await untilGood(cluster.nodes, SETTLE_MS, signal);
  const leader = await leaderOf(cluster);
  const node = cluster.nodes.findLast((it) => it !== leader);
  if (node === undefined) throw new Error('there is one node only');
  return node;
}

/** Milliseconds for people. */
export function ms(value: number): string {
  return value < 1_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`;
}
