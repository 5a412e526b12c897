import type { Condition, Health, Logger } from '../../protocols/interface/index.ts';

/** The register of conditions of this daemon; each change is a log line. */
export class HealthBook implements Health {
  readonly #conditions = new Map<string, Condition>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  raise(condition: Condition): void {
    const known = this.#conditions.get(condition.code);
    this.#conditions.set(condition.code, condition);
    if (known?.text === condition.text) return;
    const level = condition.severity === 'error' ? 'error' : 'warn';
    this.#logger[level]({ condition: condition.code }, condition.text);
  }

  clear(code: string): void {
    if (this.#conditions.delete(code)) this.#logger.info({ condition: code }, 'condition is over');
  }

  list(): readonly Condition[] {
    return [...this.#conditions.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
  }
}
