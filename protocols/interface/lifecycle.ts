/** Something with a life: built, started, stopped. */
export interface Startable {
  /** After it resolves the part does its work. A failed start leaves nothing running. */
  start(): Promise<void>;
  /**
   * Idempotent; after it resolves the part holds no timer, stream, file or listener. Never throws.
   */
  stop(): Promise<void>;
}

/** A state of the daemon that an operator should know of. */
export interface Condition {
  /** Stable, kebab-case: `no-leader`, `disk-full`, `clone`. */
  readonly code: string;
  readonly severity: 'info' | 'warn' | 'error';
  /** What is the case, one sentence. */
  readonly text: string;
  /** What to do, one sentence. */
  readonly remedy: string;
}

/** The register of conditions: whoever sees a state raises it, and clears it when it is over. */
export interface Health {
  /** Raises or replaces the condition with that code. */
  raise(condition: Condition): void;
  /** Clears it; harmless when it is not raised. */
  clear(code: string): void;
  /** All raised conditions, sorted by code. */
  list(): readonly Condition[];
}
