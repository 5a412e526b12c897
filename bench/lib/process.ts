import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Resident memory of a process, in MB of 10^6 bytes. */
export function rssMb(pid: number): number {
  const text = execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  return (Number(text) * 1024) / 1e6;
}

/**
 * Memory of a process that is its own, in MB of 10^6 bytes: without the pages of files that it has
 * mapped, such as LevelDB's tables, which the kernel keeps while nobody else needs the room. All of
 * the resident memory where the system does not tell them apart.
 */
export function anonymousMb(pid: number): number {
  if (process.platform !== 'linux') return rssMb(pid);
  const kB = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return kB === undefined ? rssMb(pid) : (Number(kB) * 1024) / 1e6;
}

/**
 * How long a Node process takes that does nothing but write a byte, ms: the floor of every start.
 */
export async function emptyStartMs(): Promise<number> {
  const begin = performance.now();
  const child = spawn(process.execPath, ['-e', 'process.stdout.write("x")'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((heard) => child.stdout.once('data', heard));
  const tookMs = performance.now() - begin;
  await new Promise((gone) => child.once('close', gone));
  return tookMs;
}

/** Waits; benches let a machine come to rest between two measurements. */
export async function rest(delayMs: number): Promise<void> {
  await new Promise((wake) => setTimeout(wake, delayMs));
}
