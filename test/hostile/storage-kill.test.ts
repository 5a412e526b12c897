import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import { silentLogger } from '../../protocols/interface/index.ts';
import type { FaultPoint } from '../../storage/faults.ts';
import { FolderFiles } from '../../storage/files/folder-files.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { SegmentLog } from '../../storage/segment-log.ts';
import { FILES_KEPT, payload, SEGMENT_BYTES, voteIn, WRITERS_MAX } from './storage-payload.ts';

// Goal: killed at any step of writing, a store has all that it acknowledged and can be written to
// again. Method: a process of its own kills itself (kill -9) at the COUNTth passing of a fault
// point; its directory is opened.

const pids: number[] = [];
const directories: string[] = [];
afterEach(async () => {
  for (const pid of pids.splice(0)) killIfThere(pid);
  for (const path of directories.splice(0)) await rm(path, { recursive: true, force: true });
});

const killIfThere = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // Dead already, as the test wants it.
    expect(error).toMatchObject({ code: 'ESRCH' });
  }
};

const runUntilKilled = async (
  kind: string,
  directory: string,
  at: readonly [FaultPoint, number],
) => {
  const script = new URL('storage-writer.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, kind, directory, at[0], String(at[1])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  pids.push(child.pid!);
  const signal = new Promise((resolve) => child.once('exit', (_code, name) => resolve(name)));
  const acknowledged: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, number] = line.split(' ');
    expect(word).toBe('ack');
    acknowledged.push(Number(number));
  }
  expect(await signal).toBe('SIGKILL');
  pids.pop();
  return acknowledged;
};

const newDirectory = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'cooee-kill-'));
  directories.push(path);
  return join(path, 'data');
};

/** All that was acknowledged is there, votes too, and it can be written to. */
const expectWholeLog = async (directory: string, acknowledged: readonly number[]) => {
  const log = new SegmentLog({ logger: silentLogger }, { directory, segmentBytes: SEGMENT_BYTES });
  await log.open();
  const newest = Math.max(0, ...acknowledged);
  expect(log.lastIndex).toBeGreaterThanOrEqual(newest);
  expect(log.marks.get('seat-out') ?? 0).toBeGreaterThanOrEqual(newest);
  const { term, vote, commit } = log.hardState;
  expect(term).toBeGreaterThanOrEqual(newest);
  if (term > 0) expect({ term, vote, commit }).toEqual({ ...voteIn(term), commit: term - 1 });
  expect(commit).toBeLessThanOrEqual(log.lastIndex);
  for (const index of acknowledged.filter((one) => one >= log.firstIndex)) {
    const [found] = await log.read(index, 1, 1);
    expect(Buffer.compare(found!.bytes, payload(index))).toBe(0);
  }
  await log.append([{ index: log.lastIndex + 1, term: 2, bytes: payload(0) }]);
  await log.close();
};

const expectWholeStore = async (directory: string, acknowledged: readonly number[]) => {
  const store = new LevelStore({}, { directory });
  await store.open();
  for (const n of acknowledged) {
    const found = await store.get('state', `k${n}`);
    expect(found && Buffer.compare(found, payload(n))).toBe(0);
  }
  await store.batch([{ namespace: 'state', key: 'k', value: payload(0) }], { sync: true });
  await store.close();
};

/** What has a name is whole, whether or not that was acknowledged, and no draft is left. */
const expectWholeFiles = async (directory: string, acknowledged: readonly number[]) => {
  const files = new FolderFiles({}, { directory });
  await files.open();
  const there = (await files.list()).map(({ name }) => Number(name.slice(1)));
  for (const n of there) {
    const found = await files.read(`f${n}`, 0, 1_000_000);
    expect(found && Buffer.compare(found, payload(n))).toBe(0);
  }
  const newest = Math.max(0, ...acknowledged);
  // Several are written at once: one that is ahead may have taken an older one away.
  const kept = acknowledged.filter((n) => n > newest + WRITERS_MAX - FILES_KEPT);
  expect(there).toEqual(expect.arrayContaining(kept));
  expect(await readdir(directory)).toHaveLength(there.length);
  await files.append('draft', payload(0));
  await files.finish('draft', 'f0');
  await files.sync('f0');
  await files.close();
};

const expectWhole = {
  log: expectWholeLog,
  store: expectWholeStore,
  file: expectWholeFiles,
} as const;

/**
 * At each place where a store touches the disk: at which passing of it, and how many writes must
 * have been acknowledged by then; without any, nothing is shown. A new place needs a row.
 */
const KILLS: Record<FaultPoint, readonly (readonly [count: number, least: number])[]> = {
  'log:spare': [[1, 50]],
  'log:preallocate': [[1, 0]],
  'log:preallocate-sync': [
    [1, 0],
    [2, 100],
  ],
  'log:rename': [
    [1, 0],
    [2, 100],
  ],
  'log:directory-sync': [[3, 100]],
  'log:write': [[50, 100]],
  'log:sync': [
    [1, 0],
    [50, 100],
  ],
  'log:synced': [[50, 100]],
  'log:unlink': [[1, 400]],
  // When it is opened after a kill: see below.
  'log:repair': [],
  'store:write': [[50, 100]],
  'store:written': [
    [1, 0],
    [50, 100],
  ],
  'file:write': [
    [1, 0],
    [400, 100],
  ],
  'file:rename': [
    [1, 0],
    [200, 100],
  ],
  'file:renamed': [[200, 100]],
  'file:read': [[200, 100]],
  'file:sync': [
    [1, 0],
    [200, 100],
  ],
  'file:folder-sync': [[200, 100]],
  'file:unlink': [[100, 100]],
};

const points = Object.keys(KILLS) as FaultPoint[];
const cases = points.flatMap((point) => KILLS[point].map((at) => [point, ...at] as const));

it.each(cases)('killed at %s, time %i', async (point, count, least) => {
  const directory = await newDirectory();
  const kind = point.split(':')[0] as keyof typeof expectWhole;
  const acknowledged = await runUntilKilled(kind, directory, [point, count]);
  expect(acknowledged.length).toBeGreaterThanOrEqual(least);
  await expectWhole[kind](directory, acknowledged);
});

it('the log killed at log:repair, when it is opened after a kill', async () => {
  const directory = await newDirectory();
  const acknowledged = await runUntilKilled('log', directory, ['log:sync', 50]);
  expect(acknowledged.length).toBeGreaterThanOrEqual(100);
  expect(await runUntilKilled('log', directory, ['log:repair', 1])).toEqual([]);
  await expectWholeLog(directory, acknowledged);
});
