import { destination, type Level, type Logger as Pino, pino } from 'pino';
import { CooeeError, type LogFields, type Logger } from '../../protocols/interface/index.ts';

/** Options of {@link createLogger}. */
export interface LoggingInit {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  /** For people on a terminal; JSON Lines otherwise. */
  readonly pretty: boolean;
}

/** Fields that could hold a secret whatever was meant: cut before they are written. */
const REDACTED = ['seed', 'invite', 'ticket', 'secret', 'privateKey', 'identity', 'passphrase'];

/** The daemon's log, on stderr: stdout is for people and for answers. */
export async function createLogger(init: LoggingInit): Promise<Logger> {
  const options = {
    level: init.level,
    base: null,
    redact: { paths: REDACTED, censor: '[secret]' },
    serializers: { err: serializeError },
  };
  if (!init.pretty) return wrap(pino(options, destination({ dest: 2, sync: true })));
  const { default: pretty } = await import('pino-pretty');
  const stream = pretty({
    destination: 2,
    sync: true,
    ignore: 'pid,hostname',
    translateTime: 'HH:MM:ss',
  });
  return wrap(pino(options, stream));
}

/**
 * An error as a log line has it: no huge objects (libp2p throws Events that print as megabytes),
 * causes by name.
 */
function serializeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, cause } = error;
  return {
    name,
    message: message.slice(0, 500),
    ...(error instanceof CooeeError ? { code: error.code, details: error.details } : {}),
    ...(cause instanceof Error
      ? { cause: { name: cause.name, message: cause.message.slice(0, 300) } }
      : {}),
  };
}

function wrap(log: Pino): Logger {
  const at =
    (level: Level) =>
    (fields: LogFields, message: string): void =>
      log[level](fields, message);
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: (scope) => wrap(log.child({ scope })),
  };
}
