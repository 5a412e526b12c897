import { CooeeError, type ErrorDetails, isCooeeError } from '../../protocols/interface/index.ts';

/** Codes of the system that mean: free some room and it works again. */
const FULL_CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Facts of a failed disk operation. */
export interface IoErrorInit {
  readonly operation: string;
  readonly file?: string;
  /**
   * The system may have thrown the data away while it still shows it (a failed fsync): the process
   * must end.
   */
  readonly isFatal?: boolean;
}

/**
 * Turns a failed system call into ERR_STORAGE_DISK_FULL or ERR_STORAGE_IO. `details.fatal` is true
 * after a failed fsync: the kernel may have marked pages clean that never reached the disk (Rebello
 * et al., "Can Applications Recover from fsync Failures?", ATC 2020), so a second fsync that
 * succeeds proves nothing.
 */
export function ioError(cause: unknown, init: IoErrorInit): CooeeError {
  if (isCooeeError(cause)) return cause;
  const code = systemCode(cause);
  const details: Record<string, string | boolean> = { operation: init.operation };
  if (code !== null) details['cause'] = code;
  if (init.file !== undefined) details['file'] = init.file;
  if (init.isFatal === true) details['fatal'] = true;
  const isFull = FULL_CODES.has(code);
  const failed = `${init.operation} failed${code === null ? '' : `: ${code}`}`;
  const message = isFull ? `the disk is full (${failed})` : failed;
  return new CooeeError(isFull ? 'ERR_STORAGE_DISK_FULL' : 'ERR_STORAGE_IO', message, {
    details: details satisfies ErrorDetails,
    cause,
  });
}

/** Runs a disk operation; what it throws comes out as {@link ioError}. */
export async function withIoError<T>(init: IoErrorInit, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    throw ioError(cause, init);
  }
}

/** What every call gets from a store that is closed or has failed: of what, and what helps. */
export function notOpenError(status: string, cause?: unknown): CooeeError {
  const details = { status };
  const text = `the store is ${status}`;
  if (cause === undefined) return new CooeeError('ERR_STORAGE_NOT_OPEN', text, { details });
  if (!isCooeeError(cause)) return new CooeeError('ERR_STORAGE_NOT_OPEN', text, { details, cause });
  const { message, remedy } = cause;
  return new CooeeError('ERR_STORAGE_NOT_OPEN', `${text}: ${message}`, { details, cause, remedy });
}

/** Damage, named with its place. */
export function damagedError(file: string, offset: number, what: string): CooeeError {
  return new CooeeError('ERR_STORAGE_DAMAGED', `${what} in ${file} at offset ${offset}`, {
    details: { file, offset },
  });
}

function systemCode(cause: unknown): string | null {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return null;
  return typeof cause.code === 'string' ? cause.code : null;
}
