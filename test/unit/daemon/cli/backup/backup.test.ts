import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type {
  BackupRequest,
  BackupTools,
  RestoreRequest,
} from '../../../../../daemon/cli/backup/tools.ts';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { run } from '../fake-host.ts';

// Goal: the commands take the passphrase from where nobody else reads it, use the daemon's copy
// when there is a daemon, and leave no copy behind.

const folder = mkdtempSync(join(tmpdir(), 'cooee-passphrase-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LONG = 'five random words are enough';

interface Seen {
  readonly made: BackupRequest[];
  readonly restored: RestoreRequest[];
  readonly removed: string[];
}

function toolsOf(changes: Partial<BackupTools> = {}) {
  const seen: Seen = { made: [], restored: [], removed: [] };
  const tools: BackupTools = {
    checkTarget: async () => undefined,
    makeBackup: async (request) => {
      seen.made.push(request);
      return { file: request.file, bytes: 1_572_864, files: 9, skipped: ['link'] };
    },
    restoreBackup: async (request) => {
      seen.restored.push(request);
      return { home: request.home, made: '2026-11-21T00:00:00.000Z', name: 'alpha', files: 9 };
    },
    removeCopy: (path) => void seen.removed.push(path),
    ...changes,
  };
  return { seen, host: { loadBackup: async () => tools, env: { COOEE_PASSPHRASE: LONG } } };
}

const answers = { stageBackup: () => ({ folder: '/h/staging/1', skipped: ['config.json'] }) };

describe('cooee backup', () => {
  it('is made also when the copy cannot be removed, which is said', async () => {
    const { host } = toolsOf({
      removeCopy: () => {
        throw new Error('EPERM');
      },
    });
    const { exit, stderr } = await run(['backup', 'x.cooee'], { host, answers });
    expect([exit, stderr]).toEqual([0, expect.stringContaining('/h/staging/1 is still there')]);
  });

  it("seals the daemon's copy and removes it", async () => {
    const { seen, host } = toolsOf();
    const { exit, stdout, stderr } = await run(['backup', 'x.cooee'], { host, answers });
    expect(exit).toBe(0);
    expect(stdout).toContain('9 files, 1.5 MiB, sealed');
    expect(stderr).toContain('not in the backup: config.json\n');
    expect(stderr).toContain('not in the backup: link');
    expect(seen.made[0]).toMatchObject({
      ...{ source: '/h/staging/1', isHome: false, passphrase: LONG, isForced: false },
      file: expect.stringMatching(/\/x\.cooee$/),
    });
    expect(seen.removed).toEqual(['/h/staging/1']);
  });

  it('reads the home itself when no daemon runs', async () => {
    const { seen, host } = toolsOf();
    const { exit } = await run(['backup', 'x', '--force', '--home', '/h'], { host });
    expect(exit).toBe(0);
    expect(seen.made[0]).toMatchObject({ source: '/h', isHome: true, isForced: true });
    expect(seen.removed).toEqual([]);
  });

  it('removes the copy also when it cannot be sealed, and says what was wrong', async () => {
    const makeBackup = async () => {
      throw new CooeeError('ERR_STORAGE_DISK_FULL');
    };
    const { seen, host } = toolsOf({ makeBackup });
    const { exit, stderr } = await run(['backup', 'x'], { host, answers });
    expect(exit).not.toBe(0);
    expect(stderr).toContain('cooee:');
    expect(seen.removed).toEqual(['/h/staging/1']);
  });

  it('removes the copy when it is ended while it seals', async () => {
    const tasks = new Set<() => void>();
    const onEnd = (task: () => void) => {
      tasks.add(task);
      return () => void tasks.delete(task);
    };
    let told: unknown;
    let removed: readonly string[] = [];
    const { seen, host } = toolsOf({
      makeBackup: async (request) => {
        for (const task of tasks) task();
        [told, removed] = [request.onEnd, [...seen.removed]];
        throw new CooeeError('ERR_STORAGE_IO');
      },
    });
    await run(['backup', 'x'], { host: { ...host, onEnd }, answers });
    expect(told).toBe(onEnd);
    expect(removed).toEqual(['/h/staging/1']);
    expect(tasks.size).toBe(0);
  });

  it('tells that a file is there before anybody types or waits', async () => {
    const checkTarget = async () => {
      throw new CooeeError('ERR_BACKUP_EXISTS');
    };
    const { seen, host } = toolsOf({ checkTarget });
    const { exit, calls } = await run(['backup', 'x'], { host: { ...host, env: {} }, answers });
    expect([exit, calls, seen.made]).toEqual([4, [], []]);
  });
});

describe('the passphrase', () => {
  const file = join(folder, 'passphrase');

  it('comes from the first line of a file that nobody else can read', async () => {
    const { seen, host } = toolsOf();
    writeFileSync(file, `${LONG}!\nsecond line\n`, { mode: 0o600 });
    const args = ['backup', 'x', '--passphrase-file', file];
    expect((await run(args, { host, answers })).exit).toBe(0);
    expect(seen.made[0]?.passphrase).toBe(`${LONG}!`);
    chmodSync(file, 0o644);
    const { exit, stderr } = await run(args, { host, answers });
    expect([exit, stderr]).toEqual([2, expect.stringContaining(`chmod 600 ${file}`)]);
    chmodSync(file, 0o600);
  });

  it('is read whole from a pipe that is written to bit by bit', async () => {
    const { seen, host } = toolsOf();
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    const args = ['backup', 'x', '--passphrase-file', pipe];
    const done = run(args, { host, answers });
    const writer = await open(pipe, 'w');
    await writer.write('five random ');
    await delay(100);
    await writer.write('words are enough\nmore');
    await writer.close();
    expect((await done).exit).toBe(0);
    expect(seen.made[0]?.passphrase).toBe(LONG);
  });

  it.each([
    ['none is given, and there is no terminal', {}, []],
    ['its file is not there', {}, ['--passphrase-file', join(folder, 'none')]],
    ['it is longer than a KiB', { COOEE_PASSPHRASE: 'x'.repeat(1_025) }, []],
  ])('is refused when %s: exit 2', async (_what, env, flags) => {
    const { seen, host } = toolsOf();
    const { exit } = await run(['backup', 'x', ...flags], { host: { ...host, env }, answers });
    expect([exit, seen.made]).toEqual([2, []]);
  });

  it('that is empty in its file is refused', async () => {
    const { host } = toolsOf();
    writeFileSync(file, '\n', { mode: 0o600 });
    const args = ['restore', 'x', '--passphrase-file', file];
    expect((await run(args, { host })).exit).toBe(2);
  });

  it('that is short is remarked on when it is new', async () => {
    const { host } = toolsOf();
    const short = { ...host, env: { COOEE_PASSPHRASE: 'short' } };
    expect((await run(['backup', 'x'], { host: short, answers })).stderr).toContain('is short');
    expect((await run(['restore', 'x'], { host: short })).stderr).not.toContain('is short');
  });
});

describe('cooee restore', () => {
  it('puts it into the home, and says what comes next', async () => {
    const { seen, host } = toolsOf();
    const { exit, stdout } = await run(['restore', 'x', '--lead', '--home', '/h'], { host });
    expect(exit).toBe(0);
    expect(stdout).toContain('must not run any more');
    expect(stdout).toMatch(/next .*up\n$/u);
    expect(seen.restored[0]).toMatchObject({ home: '/h', isLead: true, passphrase: LONG });
  });
});
