import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { isDaemonAlive, liveHolder, watchHolder } from '../../../../daemon/system/home-holder.ts';

it('names the process that holds a home, and watches that one', async () => {
  const home = mkdtempSync(join(tmpdir(), 'cooee-holder-'));
  expect(await liveHolder(home)).toBeUndefined();
  writeFileSync(join(home, 'pid'), `${process.pid}\n`);
  expect(await liveHolder(home)).toBe(process.pid);
  const runs = await watchHolder(home);
  writeFileSync(join(home, 'pid'), '4194999\n');
  expect(await liveHolder(home)).toBeUndefined();
  expect(await runs()).toBe(true);
  expect(await (await watchHolder(home))()).toBe(false);
  rmSync(home, { recursive: true });
});

it('one that ended is gone, though nobody collected it', async (context) => {
  if (process.platform !== 'linux') context.skip('what a process runs is read from /proc');
  const script = `"${process.execPath}" -e 'setTimeout(() => {}, 300)' & echo $!; exec sleep 30`;
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(String(line));
    await vi.waitFor(async () => expect(await isDaemonAlive(pid)).toBe(false), { timeout: 20_000 });
    expect(process.kill(pid, 0)).toBe(true);
  } finally {
    parent.kill('SIGKILL');
  }
});
