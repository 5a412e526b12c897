import { type CooeeError, type Logger, toError } from '../../protocols/interface/index.ts';

/** A stop that takes longer than this is cut short: what matters is on the disk already. */
const STOP_LIMIT_MS = 5_000;

/** Ctrl-C under npm comes twice, from the terminal and from npm: that is one wish. */
const ONE_WISH_MS = 500;

/**
 * Ends the daemon: on a signal, when it is asked to, or on a fault after which nothing may be
 * acknowledged.
 */
export class StopSwitch {
  readonly pulled: Promise<void>;
  readonly #logger: Logger;
  readonly #keepAlive: NodeJS.Timeout;
  readonly #onSignal = (signal: NodeJS.Signals): void => this.#heed(signal);
  readonly #onFault = (fault: unknown): void => this.fail(toError(fault));
  #pull: () => void = () => undefined;
  #isPulled = false;
  #firstSignalMs: number | undefined;
  #exitCode = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.pulled = new Promise((resolve) => {
      this.#pull = resolve;
    });
    // The daemon's own timers keep no process alive.
    this.#keepAlive = setInterval(() => undefined, 60_000);
    // Whoever read our output may go away before us (`cooee up | head`): that is no reason to end.
    process.stdout.on('error', ignoreClosedPipe);
    process.stderr.on('error', ignoreClosedPipe);
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
    process.on('uncaughtException', this.#onFault);
    process.on('unhandledRejection', this.#onFault);
  }

  get isPulled(): boolean {
    return this.#isPulled;
  }

  get exitCode(): number {
    return this.#exitCode;
  }

  /** Asks the daemon to stop in order. */
  pull(): void {
    this.#isPulled = true;
    this.#pull();
  }

  /**
   * Stops after a fault of the program or the disk; exit code 1. Never prints the thrown thing
   * itself.
   */
  fail(error: Error | CooeeError): void {
    this.#logger.error({ err: error, stack: error.stack?.slice(0, 2_000) }, 'a fault: stopping');
    this.#exitCode = 1;
    this.pull();
  }

  /** The second signal ends the process at once, whatever hangs; also a start. */
  #heed(signal: NodeJS.Signals): void {
    const nowMs = performance.now();
    this.#firstSignalMs ??= nowMs;
    if (nowMs - this.#firstSignalMs < ONE_WISH_MS) {
      this.pull();
      return;
    }
    this.done();
    // Not process.exit, which waits for what the disk is still doing.
    process.kill(process.pid, signal);
  }

  /** From now on the end is a matter of seconds, whatever hangs. */
  limit(): void {
    setTimeout(() => {
      this.#logger.error({}, 'the stop took too long; ending at once');
      process.exit(this.#exitCode === 0 ? 1 : this.#exitCode);
    }, STOP_LIMIT_MS).unref();
  }

  /** Everything is closed: the process may end. */
  done(): void {
    clearInterval(this.#keepAlive);
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
    process.off('uncaughtException', this.#onFault);
    process.off('unhandledRejection', this.#onFault);
  }
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
