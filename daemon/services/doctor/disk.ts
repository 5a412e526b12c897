import { type DoctorLine, fail, lasting, ok, warn } from './line.ts';

const MIB = 1024 * 1024;

/** Below this the next segment of the log (8 MiB) and LevelDB's compactions may not fit. */
const FREE_BYTES_MIN = 64 * MIB;

/** Time to make room: some minutes of the log at its fastest. */
const FREE_BYTES_WANTED = 512 * MIB;

/** A commit waits for one sync on a majority: beyond this, people notice. */
const SYNC_MS_MAX = 100;

/** The disk that a home lies on. */
export interface DiskFacts {
  readonly freeBytes: number;
  /** Median of some small synced writes; undefined when they failed. */
  readonly syncMs: number | undefined;
  /** Why nothing could be written. */
  readonly problem?: string | undefined;
}

/** Is there room, and is a write on the disk soon? */
export function judgeDisk({ freeBytes, syncMs, problem }: DiskFacts): DoctorLine {
  const room = `${sizeText(freeBytes)} free`;
  if (problem !== undefined) {
    const remedy =
      problem === 'EROFS'
        ? 'Have its file system mounted for writing: the log of the system tells why it is not.'
        : 'Make room, or see to the disk.';
    return fail('disk', `${room}, and a file cannot be written: ${problem}`, remedy);
  }
  const text = syncMs === undefined ? room : `${room}, a synced write takes ${lasting(syncMs)}`;
  if (freeBytes < FREE_BYTES_MIN) {
    return fail('disk', text, `Make room on that disk: at least ${sizeText(FREE_BYTES_MIN)}.`);
  }
  if (freeBytes < FREE_BYTES_WANTED) {
    return warn('disk', text, `Make room on that disk: ${sizeText(FREE_BYTES_WANTED)} or more.`);
  }
  if (syncMs !== undefined && syncMs > SYNC_MS_MAX) {
    const remedy =
      'Every commit waits for that: put the home on a faster disk, or give it less to do.';
    return warn('disk', text, remedy);
  }
  return ok('disk', text);
}

function sizeText(bytes: number): string {
  if (bytes < 10 * 1024 * MIB) return `${Math.floor(bytes / MIB)} MiB`;
  return `${Math.floor(bytes / (1024 * MIB))} GiB`;
}
