import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { backupTools } from '../../daemon/backup/index.ts';
import { stageHome } from '../../daemon/backup/stage.ts';
import { silentLogger } from '../../protocols/interface/index.ts';
import { MemoryLog } from '../../storage/memory-log.ts';
import { MemoryStore } from '../../storage/memory-store.ts';
import { keepOld } from '../../storage/migrations/keep-old.ts';

// Goal: on a full disk a backup, a copy for one, a restore and what is kept before a migration end
// with that word, and leave nothing that could be taken for the whole.

const DISK_BYTES = 2 * 1024 * 1024;
const PASSPHRASE = 'five random words are enough';

let cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
  cleanups = [];
});

/** A little disk of its own, or null and the reason. */
function mountDisk(): { path: string } | { reason: string } {
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
}

it('is told, and leaves nothing half-done', async (context) => {
  const disk = mountDisk();
  if ('reason' in disk) {
    context.skip(`no small disk to fill here: ${disk.reason}`);
    return;
  }
  const home = join(disk.path, 'home');
  const elsewhere = mkdtempSync(join(tmpdir(), 'cooee-backup-'));
  cleanups.push(() => rmSync(elsewhere, { recursive: true, force: true }));
  mkdirSync(join(home, 'mesh'), { recursive: true, mode: 0o700 });
  writeFileSync(join(home, 'FORMAT'), 'cooee home 1\n');
  writeFileSync(join(home, 'node.key'), 'key');
  writeFileSync(join(home, 'mesh', 'mesh.json'), Buffer.alloc(1_200_000, 'x'));
  const request = {
    ...{ source: home, isHome: false, passphrase: PASSPHRASE, isForced: false, workFactor: 10 },
    ...{ program: '0.1.0', name: 'alpha', nowMs: 1_800_000_000_000 },
  };
  const full = { code: 'ERR_STORAGE_DISK_FULL' };

  const made = backupTools.makeBackup({ ...request, file: join(disk.path, 'x.cooee') });
  await expect(made).rejects.toMatchObject(full);
  expect(readdirSync(disk.path)).toEqual(['home']);

  const log = new MemoryLog();
  const store = new MemoryStore();
  await log.open();
  await store.open();
  const { signal } = new AbortController();
  const stores = { log, store, commitIndex: () => 0, logger: silentLogger, signal };
  const use = { home, nowMs: Date.now(), ...stores };
  await expect(stageHome(use)).rejects.toMatchObject(full);
  expect(readdirSync(join(home, 'staging'))).toEqual([]);

  await expect(keepOld(join(home, 'mesh'), join(home, 'old', 'x'))).rejects.toMatchObject(full);
  expect(readdirSync(join(home, 'old'))).toEqual([]);

  const file = join(elsewhere, 'x.cooee');
  await backupTools.makeBackup({ ...request, file });
  const restored = join(disk.path, 'restored');
  const restoring = { file, home: restored, passphrase: PASSPHRASE, isLead: false, nowMs: 0 };
  await expect(backupTools.restoreBackup(restoring)).rejects.toMatchObject(full);
  expect(readdirSync(disk.path)).toEqual(['home']);
});
