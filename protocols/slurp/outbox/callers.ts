import { ChurnMap } from '../churn-map.ts';
import type { Decided } from './ports.ts';

interface Caller {
  readonly resolve: (decided: Decided) => void;
  readonly isAwaited: boolean;
}

/** Who waits for the word on a command, by the command's id. */
export class Callers {
  readonly #callers = new ChurnMap<string, Caller>();
  #awaited = 0;

  /** How many go on only when their command is decided. */
  get awaited(): number {
    return this.#awaited;
  }

  /** Resolves with what became of the command. */
  expect(id: string, isAwaited: boolean): Promise<Decided> {
    this.forget(id);
    if (isAwaited) this.#awaited++;
    return new Promise((resolve) => this.#callers.set(id, { resolve, isAwaited }));
  }

  tell(id: string, decided: Decided): void {
    this.#callers.get(id)?.resolve(decided);
    this.forget(id);
  }

  /** Its caller was told otherwise. */
  forget(id: string): void {
    const caller = this.#callers.get(id);
    if (caller === undefined) return;
    this.#callers.delete(id);
    if (caller.isAwaited) this.#awaited--;
  }
}
