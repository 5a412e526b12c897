import {
  type CooeeError,
  type Health,
  isCooeeError,
  type Logger,
  toError,
} from '../../interface/index.ts';
import { ToldOnce } from '../told-once.ts';
import type { MeshLog } from './mesh-log.ts';

/** What {@link LogMender} works with. */
export interface LogMenderComponents {
  readonly meshLog: Pick<MeshLog, 'ensureRoom' | 'reopenLog'>;
  readonly health: Health;
  readonly logger: Logger;
  /**
   * The disk said no to a sync: what it holds is unknown, so the process must end and look again.
   */
  readonly onFatal?: ((error: CooeeError) => void) | undefined;
}

/**
 * Tells that a log cannot be written and opens it again: one try at a time, when whoever writes it
 * asks for one.
 */
export class LogMender {
  readonly #components: LogMenderComponents;
  readonly #told = new ToldOnce();
  #isBroken = false;
  #fatal: CooeeError | undefined;

  constructor(components: LogMenderComponents) {
    this.#components = components;
  }

  /** A write failed, and no {@link mend} has succeeded since. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The error after which there is no going on in this process: a failed sync. */
  get fatal(): CooeeError | undefined {
    return this.#fatal;
  }

  /** The log cannot be written, or not be opened again. */
  failed(thrown: unknown): void {
    const { health, logger, onFatal } = this.#components;
    const error = toError(thrown);
    this.#isBroken = true;
    if (this.#told.isNews(error)) {
      logger.error({ err: error }, 'the log cannot be written; opening it again');
    }
    const text = `The log cannot be written: ${error.message}`;
    const remedy = isCooeeError(error) ? error.remedy : 'See the log of the daemon.';
    health.raise({ code: 'log-failed', severity: 'error', text, remedy });
    if (!isFatal(error)) return;
    this.#fatal = error;
    onFatal?.(error);
  }

  /**
   * One try: opens the log and begins once it has room for what comes next. It can be read before,
   * but begun without room all would fail again with the next append.
   *
   * @throws CooeeError why it is still broken; what `begin` throws
   */
  async mend(begin?: () => Promise<void>): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal;
    const { meshLog, health } = this.#components;
    await meshLog.reopenLog();
    await meshLog.ensureRoom();
    await begin?.();
    this.#isBroken = false;
    health.clear('log-failed');
  }

  /** A write has stood: the next failure is news. */
  worked(): void {
    this.#told.over();
  }
}

/** After a failed sync there is no going on in this process. */
export function isFatal(error: unknown): error is CooeeError {
  return isCooeeError(error) && error.details['fatal'] === true;
}
