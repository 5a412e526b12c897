import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import type { FaultPoint } from '../../storage/faults.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { payload } from './storage-payload.ts';

// Goal: killed at any moment, a store has all that was deferred up to some write and nothing after,
// and no batch without what was deferred before it. Method: as in storage-kill.test.ts.

const directories: string[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
  // One that did not end itself would write on until the disk is full.
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const path of directories.splice(0)) await rm(path, { recursive: true, force: true });
});

/** Runs until it has killed itself. @returns the batches that were acknowledged */
async function runUntilKilled(directory: string, at: readonly [FaultPoint, number]) {
  const script = new URL('deferred-writer.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, directory, at[0], String(at[1])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const signal = new Promise((resolve) => child.once('exit', (_code, name) => resolve(name)));
  const acknowledged: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line.replace('ack ', '')));
  }
  expect(await signal).toBe('SIGKILL');
  return acknowledged;
}

it.each<[FaultPoint, number]>([
  ['store:write', 1],
  ['store:written', 1],
  ['store:write', 30],
  ['store:written', 30],
  // In a row without batches.
  ['store:written', 73],
  ['store:write', 200],
])('what was deferred, killed at %s, time %i', async (point, count) => {
  const root = await mkdtemp(join(tmpdir(), 'cooee-deferred-'));
  directories.push(root);
  const directory = join(root, 'data');
  const acknowledged = await runUntilKilled(directory, [point, count]);
  const store = new LevelStore({}, { directory });
  await store.open();
  const mark = Number(Buffer.from((await store.get('meta', 'mark')) ?? []).toString());
  const found: number[] = [];
  for await (const [key, value] of store.entries('state')) {
    const n = Number(key.slice(1));
    expect(Buffer.compare(value, payload(n))).toBe(0);
    found.push(n);
  }
  expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: mark }, (_, i) => i + 1));
  const batches = new Set<number>();
  for await (const [key] of store.entries('outbox')) batches.add(Number(key.slice(1)));
  for (const n of batches) expect(n).toBeLessThanOrEqual(mark);
  for (const n of acknowledged) expect(batches.has(n)).toBe(true);
  // Killed before its first write it has nothing, and else something to look at.
  expect(mark > 0).toBe(point === 'store:written' || count > 1);
  await store.close();
});
