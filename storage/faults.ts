/**
 * Every place where a store touches the disk. `log:` is the segment log, `store:` the key-value
 * store, `file:` the files beside it.
 *
 * | point | is hit |
 * |---|---|
 * | `log:spare` | before the room for the next segment is made ahead |
 * | `log:preallocate` | before a new segment file is made and filled with zeros |
 * | `log:preallocate-sync` | before that file is synced |
 * | `log:rename` | before it gets its final name |
 * | `log:directory-sync` | before the directory is synced |
 * | `log:write` | before a batch is written |
 * | `log:sync` | after the write, before fdatasync |
 * | `log:synced` | after fdatasync, before anything is acknowledged |
 * | `log:unlink` | before a compacted segment is removed |
 * | `log:repair` | on open, before a torn tail is cut and the last batch written again |
 * | `store:write` | before a batch is written |
 * | `store:written` | after the write, before anything is acknowledged |
 * | `file:write` | before bytes are written to a draft |
 * | `file:rename` | before a draft gets its name |
 * | `file:renamed` | after that, before anything is acknowledged |
 * | `file:read` | before a part is read |
 * | `file:sync` | before fdatasync |
 * | `file:folder-sync` | before the folder is synced |
 * | `file:unlink` | before a file is removed |
 */
export type FaultPoint =
  | 'log:spare'
  | 'log:preallocate'
  | 'log:preallocate-sync'
  | 'log:rename'
  | 'log:directory-sync'
  | 'log:write'
  | 'log:sync'
  | 'log:synced'
  | 'log:unlink'
  | 'log:repair'
  | 'store:write'
  | 'store:written'
  | 'file:write'
  | 'file:rename'
  | 'file:renamed'
  | 'file:read'
  | 'file:sync'
  | 'file:folder-sync'
  | 'file:unlink';

/**
 * Lets a test fail the disk at a chosen place: {@link Faults.hit} may throw what the system would
 * (an error with `code: 'ENOSPC'`), or end the process. What it throws is treated exactly as if the
 * system call had failed.
 */
export interface Faults {
  hit(point: FaultPoint): void;
}

/** What runs outside of tests: nothing fails that does not fail by itself. */
export const noFaults: Faults = { hit: () => undefined };

/** An error as the system makes it, for tests and the simulator. */
export function systemError(code: 'ENOSPC' | 'EIO'): NodeJS.ErrnoException {
  const text = code === 'ENOSPC' ? 'no space left on device' : 'i/o error';
  return Object.assign(new Error(`${code}: ${text}`), { code });
}
