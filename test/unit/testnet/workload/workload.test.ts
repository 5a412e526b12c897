import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { type CheckResult, checkHistory } from '../../../testnet/check/index.ts';
import { HistoryWriter, type Operation, readHistory } from '../../../testnet/history/index.ts';
import { Workload } from '../../../testnet/workload/index.ts';
import { FakeMesh, type Fault } from './fake-mesh.ts';

// Goal: the workload and the check together find each way in which a mesh can be wrong, and none in
// a mesh that is right. Method: a mesh in memory, right, or wrong in one way.

const meshes: FakeMesh[] = [];
const folders: string[] = [];
afterAll(async () => {
  for (const mesh of meshes) await mesh.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly mesh: FakeMesh;
  readonly workload: Workload;
  /** Waits until so many operations more have ended. */
  readonly more: (count: number) => Promise<void>;
  /** Ends it, and gives what was recorded. */
  readonly end: () => Promise<readonly Operation[]>;
}

async function begin(fault?: Fault): Promise<Run> {
  const mesh = new FakeMesh('a', 'b', 'c');
  meshes.push(mesh);
  mesh.fault = fault;
  await mesh.open();
  const folder = mkdtempSync(join(tmpdir(), 'cooee-history-'));
  folders.push(folder);
  const path = join(folder, 'history.jsonl');
  const history = await HistoryWriter.open(path);
  const { connect, nodes } = mesh;
  const workload = Workload.start({
    ...{ nodes, history, connect, seed: 5, clientsPerNode: 4, opsPerSecond: 3_000 },
  });
  const more = async (count: number): Promise<void> => {
    const target = workload.stats().operations + count;
    while (workload.stats().operations < target && workload.failure === undefined) await sleep(5);
  };
  const end = async (): Promise<readonly Operation[]> => {
    await workload.stop();
    await workload.finish({ timeoutMs: 20_000 });
    await history.close();
    return await readHistory(path);
  };
  return { mesh, workload, more, end };
}

async function runWith(fault?: Fault): Promise<CheckResult> {
  const { mesh, more, end } = await begin(fault);
  await more(500);
  // Of what went wrong a part is not told to anybody. One fault is in the readings of the end.
  while (fault !== undefined && fault !== 'index-by-node' && mesh.struck < 5) await more(50);
  return checkHistory(await end());
}

describe.concurrent('a workload', () => {
  it('on a mesh that is right gives a history without a problem', async () => {
    const result = await runWith();
    expect(result).toMatchObject({ ok: true, problems: [], undecided: [] });
    const { counts } = result;
    expect(counts['nodes read in the end']).toBe(3);
    // What is not done proves nothing.
    const ops = ['call.open', 'call.claim', 'call.release', 'call.answer', 'call.withdraw'];
    const more = [
      'call.read',
      'call.read.plain',
      'submit',
      'submission.read',
      'enrol',
      'agent.read',
    ];
    for (const op of [...ops, ...more]) expect(counts[op], op).toBeGreaterThan(5);
    expect(counts['refused']).toBeGreaterThan(50);
    expect(counts['unknown']).toBeGreaterThan(20);
  });

  it('goes on over the end of a node, and takes what it answered last for unknown', async () => {
    const { mesh, more, end } = await begin();
    await more(150);
    await mesh.down('b');
    await more(150);
    await mesh.up('b');
    await more(300);
    const operations = await end();
    const [first, last] = [0, -1].map((i) => operations.filter(isOfB).at(i)?.startNs);
    expect(BigInt(last ?? 0) - BigInt(first ?? 0)).toBeGreaterThan(100_000_000n);
    expect(checkHistory(operations)).toMatchObject({ ok: true, problems: [] });
    const runs = operations
      .filter(isOfB)
      .map(({ input }) => (input as { run?: string } | null)?.run);
    expect(new Set(runs.filter((run) => run !== undefined)).size).toBeGreaterThan(1);
  });

  it('has clients on a node that joins late', async () => {
    const { mesh, workload, more, end } = await begin();
    const late = await mesh.join('d');
    workload.addNode(late);
    expect(() => workload.addNode(late)).toThrow('there is a node d already');
    await more(300);
    const operations = await end();
    expect(operations.filter(({ client }) => client.startsWith('d/')).length).toBeGreaterThan(20);
    expect(checkHistory(operations).counts['nodes read in the end']).toBe(4);
  });

  it('that is not brought to its end has a history that is not whole', async () => {
    const { more, workload, end } = await begin();
    await more(50);
    const operations = (await end()).filter(({ op }) => op !== 'final');
    expect(workload.failure).toBeUndefined();
    expect(checkHistory(operations).problems).toEqual(['there are no readings of the end']);
    expect(checkHistory(operations, { final: false }).ok).toBe(true);
  });
});

const isOfB = ({ client }: Operation): boolean => client.startsWith('b/');

const SIGNS: Readonly<Record<Fault, RegExp>> = {
  'agents-doubled': /twice: agents/,
  'answer-twice': /more than one won/,
  'claims-lost': /not linearizable/,
  'commits-lost': /lost: submissions/,
  'index-by-node': /a has .*\n.*c has /,
  'log-out-of-order': /the log is not in the order of time/,
  'plain-reads-back': /a plain read went back/,
  'stale-reads': /not linearizable/,
  'submissions-doubled': /twice: submissions/,
  'two-winners': /more than one won/,
};

describe.concurrent('a mesh that is wrong', () => {
  for (const [fault, sign] of Object.entries(SIGNS)) {
    it(`is found out: ${fault}`, async () => {
      const result = await runWith(fault as Fault);
      expect(result.ok).toBe(false);
      expect(result.problems.some((problem) => sign.test(problem))).toBe(true);
    });
  }
});
