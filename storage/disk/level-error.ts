import { CooeeError, isCooeeError } from '../../protocols/interface/index.ts';
import { type IoErrorInit, ioError, notOpenError } from './io-error.ts';

/** LevelDB gives the system's text, not its code. */
const FULL_TEXT = /no space left on device|disk quota exceeded/i;

/**
 * Turns what classic-level throws into one of ours: LEVEL_LOCKED → ERR_STORAGE_HOME_LOCKED,
 * LEVEL_CORRUPTION → ERR_STORAGE_DAMAGED, a full disk → ERR_STORAGE_DISK_FULL, a closed database →
 * ERR_STORAGE_NOT_OPEN, else ERR_STORAGE_IO. LevelDB does not tell a failed fsync from a failed
 * write, so that an input/output error counts as the worse one (`details.fatal`); a full disk does
 * not: opening again writes anew what was in its log.
 */
export function levelError(cause: unknown, init: IoErrorInit): CooeeError {
  if (isCooeeError(cause)) return cause;
  const errors = chainOf(cause);
  const codes = new Set(errors.map((error) => error.code));
  const details = init.file === undefined ? {} : { file: init.file };
  if (codes.has('LEVEL_LOCKED')) {
    return new CooeeError('ERR_STORAGE_HOME_LOCKED', undefined, { details, cause });
  }
  if (codes.has('LEVEL_CORRUPTION')) {
    const message = `the store is damaged: ${errors.at(-1)?.message ?? ''}`;
    return new CooeeError('ERR_STORAGE_DAMAGED', message, { details, cause });
  }
  if (errors.some((error) => FULL_TEXT.test(error.message))) {
    return ioError(Object.assign(new Error('disk full', { cause }), { code: 'ENOSPC' }), init);
  }
  if (codes.has('LEVEL_IO_ERROR')) return ioError(cause, { ...init, isFatal: true });
  const isClosed =
    codes.has('LEVEL_DATABASE_NOT_OPEN') ||
    codes.has('LEVEL_ITERATOR_NOT_OPEN') ||
    codes.has('LEVEL_ABORTED');
  // While opening, "not open" is only the wrapping of the reason.
  if (isClosed && errors.length === 1) return notOpenError('closed', cause);
  return ioError(cause, init);
}

/** An error and what led to it, outermost first. */
function chainOf(thrown: unknown): readonly (Error & { readonly code?: unknown })[] {
  const chain: Error[] = [];
  for (let error = thrown; error instanceof Error && chain.length < 8; error = error.cause) {
    chain.push(error);
  }
  return chain;
}
