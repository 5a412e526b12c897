import type { Decided } from './ports.ts';

/** Who waits for the word on a command, by the command's id. */
export class Callers {
  readonly #decided = new Map<string, (decided: Decided) => void>();
  /** Commands whose callers go on only when they are decided. */
  readonly #awaited = new Set<string>();

  /** How many go on only when their command is decided. */
  get awaited(): number {
    return this.#awaited.size;
  }

  /** Resolves with what became of the command. */
  expect(id: string, isAwaited: boolean): Promise<Decided> {
    if (isAwaited) this.#awaited.add(id);
    return new Promise((resolve) => this.#decided.set(id, resolve));
  }

  tell(id: string, decided: Decided): void {
    this.#decided.get(id)?.(decided);
    this.forget(id);
  }

  /** Its caller was told otherwise. */
  forget(id: string): void {
    this.#decided.delete(id);
    this.#awaited.delete(id);
  }
}
