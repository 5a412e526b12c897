import {
  CooeeError,
  type Health,
  isCooeeError,
  type Logger,
  toError,
} from '../../interface/index.ts';

/** Says why nothing can be applied from an entry on, to the operator too. */
export function haltError(
  { health, logger }: { readonly health: Health; readonly logger: Logger },
  thrown: unknown,
  index: number,
): CooeeError {
  const cause = toError(thrown);
  const isOld = isCooeeError(cause, 'ERR_SLURP_LEVEL') || isCooeeError(cause, 'ERR_WIRE_VERSION');
  const code = isOld ? 'ERR_SLURP_LEVEL' : 'ERR_STORAGE_DAMAGED';
  const error = new CooeeError(code, undefined, { cause, details: { index } });
  logger.error({ err: cause, index }, 'an entry cannot be applied');
  health.raise({
    code: isOld ? 'upgrade-needed' : 'log-damaged',
    severity: 'error',
    text: `${error.message} (entry ${index})`,
    remedy: error.remedy,
  });
  return error;
}

/** Whether a value of the state could not be read: that says nothing about the entry. */
export function isUnread(error: unknown): boolean {
  return isCooeeError(error, 'ERR_STORAGE_IO') || isCooeeError(error, 'ERR_STORAGE_NOT_OPEN');
}
