/** Facts of one log line. Never a secret: no seeds, tickets, invites, keys. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Structured log. Levels by meaning: error = a person must act; warn = something was refused or is
 * degraded; info = rare and of interest to an operator (start, join, leader); debug = everything
 * else. Text from other nodes never at info or above.
 */
export interface Logger {
  error(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  /** A logger of a part: scope `cooee:<folder>:<part>`. */
  child(scope: string): Logger;
}

/** A logger that says nothing; for tests and pure tools. */
export const silentLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silentLogger,
};
