import { spawnSync } from 'node:child_process';

/**
 * The words before a program's own with which each of its syncs takes longer, as on a slower disk.
 * The process id stays the program's. What strace takes for each sync comes on top, for whoever is
 * measured beside it too.
 *
 * @param syncUs - microseconds more for each `fsync` and `fdatasync`; 0: nothing is in between
 * @throws Error when strace is not installed
 */
export function slowDisk(syncUs: number): readonly string[] {
  if (syncUs === 0) return [];
  if (spawnSync('strace', ['-V']).error !== undefined) throw new Error('strace is not installed');
  const slow = ['-e', 'trace=fsync,fdatasync', '-e', `inject=fsync,fdatasync:delay_exit=${syncUs}`];
  return ['strace', '-D', '-f', '--seccomp-bpf', '-qqq', '-o', '/dev/null', ...slow];
}
