import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const MAIN = new URL('../../../../daemon/main.ts', import.meta.url).pathname;

describe('stdout that cannot be written', () => {
  it('is told in one line, exit 1', () => {
    // Open for reading alone, so that every write fails.
    const stdout = openSync(import.meta.filename, 'r');
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'id', 'decode', '458RV'], {
      stdio: ['ignore', stdout, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(stdout);
    expect([status, stderr]).toEqual([1, 'cooee: cannot write to stdout (EBADF)\n']);
  });
});
