import type { Cluster, ClusterNode } from '../engine/cluster.ts';
import { statusOf, untilEqual, waitFor } from './wait.ts';

const EQUAL_MS = 30_000;
/** Entries of the end of the log that are compared one by one. */
const TAIL_ENTRIES = 200;

/** What {@link verifyNodes} found. */
export interface Verified {
  readonly problems: readonly string[];
  /** Marks at which the states of all nodes were compared. */
  readonly marks: number;
  readonly appliedIndex: number;
}

/**
 * What must be true of the nodes when all is healed: they have applied the same entries, to the
 * same state (by its CID, at every mark), their logs verify, and none of them complains.
 *
 * @param snapshotEveryEntries - of all nodes
 */
export async function verifyNodes(
  cluster: Cluster,
  snapshotEveryEntries: number,
): Promise<Verified> {
  const appliedIndex = await passMark(cluster, snapshotEveryEntries);
  const last = Math.floor(appliedIndex / snapshotEveryEntries) * snapshotEveryEntries;
  const { marks, differences } = await marksUpTo(cluster, last);
  const problems = [...differences, ...(await compareTails(cluster.nodes, appliedIndex))];
  if ((marks.get(last) ?? 0) < cluster.nodes.length) {
    problems.push(`the state at mark ${last} was not compared: not all nodes took it`);
  }
  for (const { name } of cluster.nodes) problems.push(...(await verifyOne(cluster, name)));
  return { problems, marks: marks.size, appliedIndex };
}

/** The marks, once all nodes have taken the last one: that comes some time after the entry. */
async function marksUpTo(cluster: Cluster, last: number): Promise<Marks> {
  const endMs = performance.now() + EQUAL_MS;
  for (;;) {
    const logs = new Map<string, string>();
    for (const { name } of cluster.nodes) logs.set(name, await cluster.logs(name));
    const found = compareMarks(logs);
    const isThere = (found.marks.get(last) ?? 0) === cluster.nodes.length;
    if (isThere || performance.now() > endMs) return found;
  }
}

/** Writes until the log is past the next mark, so that the last state is compared too. */
async function passMark(cluster: Cluster, every: number): Promise<number> {
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error('there are no nodes');
  const before = (await statusOf(first))?.slurp.appliedIndex ?? 0;
  const goal = (Math.floor(before / every) + 1) * every;
  for (let index = before, round = 0; index <= goal; round += 1) {
    const written = await first.client.call('submit', {
      query: { wait: 'committed', timeoutMs: 10_000 },
      body: {
        kind: 'dr',
        address: `ucxl://any:testnet@end:n1/#/${before}-${round}`,
        title: 'up to the next mark',
      },
    });
    index = written.index ?? index;
  }
  await untilEqual(cluster.nodes, EQUAL_MS);
  return (await statusOf(first))?.slurp.appliedIndex ?? 0;
}

/** What the nodes logged of their states. */
interface Marks {
  /** Index of the mark → how many nodes had the state there. */
  readonly marks: ReadonlyMap<number, number>;
  readonly differences: readonly string[];
}

/** Compares the CIDs of the states that the nodes logged at each mark. */
export function compareMarks(logs: ReadonlyMap<string, string>): Marks {
  const byIndex = new Map<number, Map<string, Set<string>>>();
  for (const [node, text] of logs) {
    for (const line of text.split('\n')) {
      if (!line.includes('"a snapshot was taken"')) continue;
      const index = Number(/"index":(\d+)/.exec(line)?.[1]);
      const cid = /"cid":"([a-z2-7]+)"/.exec(line)?.[1] ?? '';
      const cids = byIndex.get(index) ?? new Map<string, Set<string>>();
      byIndex.set(index, cids.set(cid, (cids.get(cid) ?? new Set()).add(node)));
    }
  }
  const marks = new Map<number, number>();
  const differences: string[] = [];
  for (const [index, cids] of byIndex) {
    marks.set(index, new Set([...cids.values()].flatMap((nodes) => [...nodes])).size);
    if (cids.size < 2) continue;
    const who = [...cids].map(([cid, nodes]) => `${[...nodes].join(', ')}: ${cid}`);
    differences.push(`the state at mark ${index} is not the same: ${who.join('; ')}`);
  }
  return { marks, differences };
}

async function compareTails(
  nodes: readonly ClusterNode[],
  lastIndex: number,
): Promise<readonly string[]> {
  const from = Math.max(1, lastIndex - TAIL_ENTRIES);
  const tails = await Promise.all(
    nodes.map(async ({ client }) => {
      const { entries } = await client.call('readLog', { query: { from, limit: TAIL_ENTRIES } });
      return JSON.stringify(entries);
    }),
  );
  const isEqual = tails.every((tail) => tail === tails[0]);
  return isEqual ? [] : [`the logs differ from index ${from} on`];
}

async function verifyOne(cluster: Cluster, name: string): Promise<readonly string[]> {
  const { code, stdout, stderr } = await cluster.cooee(name, 'log', '--verify');
  const problems = code === 0 ? [] : [`${name}: log --verify: exit ${code}: ${stdout}${stderr}`];
  const node = cluster.nodes.find((it) => it.name === name);
  if (node === undefined) return [...problems, `there is no ${name}`];
  const check = () => complaint(node);
  const endless = await waitFor(name, check, { timeoutMs: EQUAL_MS }).catch(String);
  return typeof endless === 'string' ? [...problems, endless] : problems;
}

/** What is not as it should be on a node that nothing is done to. */
async function complaint(node: ClusterNode): Promise<string | undefined> {
  const status = await statusOf(node);
  if (status === undefined) return 'no answer';
  const { health, outbox, role } = status;
  const [condition] = health.conditions;
  if (condition !== undefined) return `it complains: ${condition.code}: ${condition.text}`;
  if (outbox.waiting > 0) return `${outbox.waiting} writes wait`;
  return role === 'voter' ? undefined : `it is a ${role}, not a voter`;
}
