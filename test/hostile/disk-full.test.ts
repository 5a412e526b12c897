import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it, type TestContext } from 'vitest';
import { silentLogger } from '../../protocols/interface/index.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { SegmentLog } from '../../storage/segment-log.ts';
import { payload, SEGMENT_BYTES } from './storage-payload.ts';

// Goal: a full disk is a typed error, and nothing acknowledged is lost by it, by going on with
// room, or by kill -9. Method: a process of its own writes to a small tmpfs until it is full; room
// is made; it goes on, and is killed. (A tmpfs keeps what was written by a killed process; losing
// power is played in test/unit/storage.)

const DISK_BYTES = 32 * 1024 * 1024;
/** To open a store LevelDB writes tables of what its journals hold, before it deletes any. */
const BALLAST_BYTES = 16 * 1024 * 1024;
const ACKS_AFTER_ROOM = 300;

let cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  cleanups = [];
});

/** A little disk of its own, or null and the reason. */
const mountDisk = (): { path: string } | { reason: string } => {
  if (process.platform !== 'linux') return { reason: 'needs Linux' };
  if (process.getuid?.() !== 0) return { reason: 'needs root to mount a tmpfs' };
  const path = mkdtempSync(join(tmpdir(), 'cooee-full-'));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  try {
    const options = `size=${DISK_BYTES},mode=700`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    return { reason: `cannot mount a tmpfs: ${String(error)}` };
  }
  cleanups.push(() => execFileSync('umount', ['-l', path]));
  return { path };
};

/** Takes all the room there is, but for what directories need. */
const fillUp = (file: string): void => {
  try {
    for (;;) appendFileSync(file, new Uint8Array(4096));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  }
};

const startWriter = (kind: string, directory: string) => {
  const script = new URL('storage-writer.ts', import.meta.url).pathname;
  const child: ChildProcess = spawn(process.execPath, [script, kind, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { child, lines, exited };
};

/** Runs the story and returns the numbers that were acknowledged. */
const fillFreeAndKill = async (kind: 'log' | 'store', disk: string): Promise<number[]> => {
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, new Uint8Array(BALLAST_BYTES));
  const { child, lines, exited } = startWriter(kind, join(disk, kind));
  const acknowledged: number[] = [];
  let fullAt: number | null = null;
  for (;;) {
    const { value, done } = await lines.next();
    if (done) throw new Error('the writer ended by itself');
    const [word, number, code, fatal] = String(value).split(' ');
    if (word === 'ack') acknowledged.push(Number(number));
    if (word === 'full') {
      expect([code, fatal, fullAt]).toEqual(['ERR_STORAGE_DISK_FULL', 'false', null]);
      fullAt = acknowledged.length;
      rmSync(ballast);
      child.stdin!.write('room\n');
    }
    if (fullAt !== null && acknowledged.length >= fullAt + ACKS_AFTER_ROOM) break;
  }
  expect(fullAt).toBeGreaterThan(500);
  child.kill('SIGKILL');
  // What it had said before it died counts too.
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    const [word, number] = String(line.value).split(' ');
    if (word === 'ack') acknowledged.push(Number(number));
  }
  await exited;
  // On a busy host it has filled the room that was made, too: to open a store again takes some.
  execFileSync('mount', ['-o', `remount,size=${2 * DISK_BYTES}`, disk]);
  return acknowledged;
};

const onLittleDisk = async (context: TestContext, story: (disk: string) => Promise<void>) => {
  const disk = mountDisk();
  if ('reason' in disk) {
    console.log(`skipped: ${disk.reason}`);
    context.skip(`no small disk to fill here: ${disk.reason}`);
    return;
  }
  await story(disk.path);
};

describe('a full disk, then room, then kill -9', () => {
  it('loses nothing that the segment log acknowledged', async (context) => {
    await onLittleDisk(context, async (disk) => {
      const acknowledged = await fillFreeAndKill('log', disk);
      const log = new SegmentLog(
        { logger: silentLogger },
        { directory: join(disk, 'log'), segmentBytes: SEGMENT_BYTES },
      );
      await log.open();
      for (const index of acknowledged) {
        const [found] = await log.read(index, 1, 1);
        expect(Buffer.compare(found!.bytes, payload(index))).toBe(0);
      }
      await log.append([{ index: log.lastIndex + 1, term: 2, bytes: payload(0) }]);
      await log.close();
    });
  });

  it('loses nothing that the key-value store acknowledged', async (context) => {
    await onLittleDisk(context, async (disk) => {
      const acknowledged = await fillFreeAndKill('store', disk);
      const store = new LevelStore({}, { directory: join(disk, 'store') });
      await store.open();
      for (const n of acknowledged) {
        const found = await store.get('state', `k${n}`);
        expect(found && Buffer.compare(found, payload(n))).toBe(0);
      }
      await store.close();
    });
  });

  it('is a typed error when a store is made on it; nothing half-done stays', async (context) => {
    await onLittleDisk(context, async (disk) => {
      const ballast = join(disk, 'ballast');
      fillUp(ballast);
      const full = { code: 'ERR_STORAGE_DISK_FULL' };
      const log = new SegmentLog(
        { logger: silentLogger },
        { directory: join(disk, 'log'), segmentBytes: SEGMENT_BYTES },
      );
      const store = new LevelStore({}, { directory: join(disk, 'store') });
      await expect(log.open()).rejects.toMatchObject(full);
      await expect(store.open()).rejects.toMatchObject(full);
      expect([log.status, store.status]).toEqual(['closed', 'closed']);
      rmSync(ballast);
      await log.open();
      await store.open();
      await log.append([{ index: 1, term: 1, bytes: payload(1) }]);
      await store.batch([{ namespace: 'state', key: 'k', value: payload(1) }], { sync: true });
      await log.close();
      await store.close();
    });
  });
});
