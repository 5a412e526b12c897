import type { LogFields, Logger } from '../../../protocols/interface/index.ts';

/** A logger that keeps what it is told. */
export interface RecordLogger extends Logger {
  readonly lines: { level: string; fields: LogFields; message: string }[];
}

export function recordLogger(): RecordLogger {
  const lines: RecordLogger['lines'] = [];
  const at = (level: string) => (fields: LogFields, message: string) => {
    lines.push({ level, fields, message });
  };
  const logger: RecordLogger = {
    lines,
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: () => logger,
  };
  return logger;
}
