import { readdirSync, readFileSync } from 'node:fs';

/** Of the kernel's clock in /proc (`getconf CLK_TCK`): 100 on every Linux. */
const TICKS_PER_SECOND = 100;
/** Fields of /proc/PID/stat behind the name, from 0. */
const UTIME = 11;
const STIME = 12;

const read = (path: string): string => readFileSync(`/proc/${path}`, 'latin1');

function cpuMsIn(path: string): number {
  const text = read(path);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[UTIME]) + Number(fields[STIME]);
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** Processor time that a process has taken, all of its threads, ms. Linux alone, as all here. */
export function cpuMs(pid: number): number {
  return cpuMsIn(`${pid}/stat`);
}

/** The same of its first thread alone. Others come and go: these count in the process alone. */
export function mainThreadMs(pid: number): number {
  return cpuMsIn(`${pid}/task/${pid}/stat`);
}

/** How often the threads that a process has now went to sleep, and so were woken. */
export function wakeUps(pid: number): number {
  let count = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = read(`${pid}/task/${thread}/status`);
    count += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return count;
}

/** Bytes that a process had the disk write. */
export function diskBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(read(`${pid}/io`))?.[1] ?? 0);
}

/** Bytes that all processes of this machine sent to each other, with their headers. */
export function loopbackBytes(): number {
  return Number(/^\s*lo:\s*(\d+)/m.exec(read('net/dev'))?.[1] ?? 0);
}
