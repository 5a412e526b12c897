import type { DoctorView } from '../../api/routes/index.ts';

/** One line of the doctor: what was looked at, what was found, what to do. */
export type DoctorLine = DoctorView['checks'][number];

/** All is well. */
export function ok(name: string, cause: string): DoctorLine {
  return { name, state: 'ok', cause, remedy: '' };
}

/** It works, and somebody should look. */
export function warn(name: string, cause: string, remedy: string): DoctorLine {
  return { name, state: 'warn', cause, remedy };
}

/** It does not work. */
export function fail(name: string, cause: string, remedy: string): DoctorLine {
  return { name, state: 'fail', cause, remedy };
}

/** `1 member`, `3 members`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A duration for people: `12 ms`, `3 s`, `4 min`, `2 h`. */
export function lasting(ms: number): string {
  if (ms < 1) return 'under 1 ms';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}
