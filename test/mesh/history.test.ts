import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkHistory, formatResult } from '../testnet/check/index.ts';
import { HistoryWriter, readHistory } from '../testnet/history/index.ts';
import { Workload } from '../testnet/workload/index.ts';
import { type TestHost, TestMesh, until } from './harness.ts';
import { hostWith, leaderOf, startVoters, without } from './voting.ts';

// Goal: what clients on all nodes were told, while a leader is killed and another node freezes, is
// what one object would have told them that does one thing at a time. Method: a workload whose
// every operation is recorded, and the checker of the testnet.

const SEED = 7;

const mesh = new TestMesh();
let hosts: TestHost[] = [];

beforeAll(async () => {
  hosts = ['ada', 'bob', 'cleo'].map((name) => hostWith(mesh, name, {}));
  await startVoters(hosts, 3);
});
afterAll(() => mesh.close());

it('a workload under a kill and a freeze is linearizable, and nothing is lost', async () => {
  const file = join(mesh.folder, 'history.jsonl');
  const history = await HistoryWriter.open(file);
  const nodes = hosts.map(({ name, home }) => ({ name, socketPath: join(home, 'cooee.sock') }));
  const workload = Workload.start({
    ...{ nodes, history, seed: SEED, clientsPerNode: 4, opsPerSecond: 80, opTimeoutMs: 2_000 },
  });
  const grown = async (count: number): Promise<void> => {
    const target = workload.stats().done + count;
    await until(`${count} operations more`, () => workload.stats().done >= target);
  };
  await grown(200);

  const leader = await leaderOf(hosts);
  history.record('fault', leader.name, { input: { kind: 'kill' } });
  await leader.end('SIGKILL');
  await grown(100);
  await leader.up();
  await grown(100);

  // The one that leads now: what it answers when it wakes up must not be of the past.
  const frozen = await leaderOf(hosts);
  history.record('fault', frozen.name, { input: { kind: 'stop' } });
  frozen.signal('SIGSTOP');
  await leaderOf(without(hosts, frozen));
  await grown(100);
  history.record('fault', frozen.name, { input: { kind: 'cont' } });
  frozen.signal('SIGCONT');
  await grown(200);

  const stats = await workload.stop();
  await workload.finish({ timeoutMs: 60_000 });
  await history.close();
  const operations = await readHistory(file);
  const result = checkHistory(operations);
  console.info(`${formatResult(result)}longest gap: ${stats.longestGapMs.toFixed()} ms`);
  expect(result.problems).toEqual([]);
  expect(result.undecided).toEqual([]);
  expect(result.counts['nodes read in the end']).toBe(hosts.length);

  // It was a race, and something was lost from sight: else it proves little.
  const { counts } = result;
  expect(counts['call.claim']).toBeGreaterThan(60);
  expect(counts['refused']).toBeGreaterThan(60);
  expect(counts['unknown']).toBeGreaterThan(0);
  const won = operations.find(({ op, ok }) => op === 'call.claim' && ok === true);
  const wrong = operations.map((it) => (it === won ? { ...it, output: { fence: 99 } } : it));
  expect(checkHistory(wrong).problems.length).toBeGreaterThan(0);
});
