import { type CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import type { HistoryWriter, Operation } from '../history/index.ts';
import type { NodeLink } from './link.ts';

/** What a workload has done so far. */
export interface WorkloadStats {
  readonly operations: number;
  readonly done: number;
  readonly refused: number;
  readonly unknown: number;
  readonly byOp: Readonly<Record<string, number>>;
  /** The longest time without a commit that any client was told of, on any node. */
  readonly longestGapMs: number;
}

/** What an operation came to, as its key is known only then for what makes something new. */
export interface Outcome {
  readonly ok: boolean | null;
  readonly output: unknown;
  /** In place of the key that was given. */
  readonly key?: string;
}

/** What a client does at a node. */
export interface Attempt<T> {
  readonly op: string;
  readonly key: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly kind: 'read' | 'write';
  readonly task: () => Promise<T>;
  /** What the answer says. */
  readonly read: (answer: T) => Outcome;
  /** Codes with which the log itself refuses a write: it has had no effect. */
  readonly refusals?: ReadonlySet<string>;
}

/** How an attempt ended. */
export interface Attempted<T> {
  readonly ok: boolean | null;
  readonly answer?: T;
  readonly error?: CooeeError;
}

/** Does what clients do, and writes down what came of it. */
export class Recorder {
  readonly #history: HistoryWriter;
  readonly #byOp = new Map<string, number>();
  #done = 0;
  #refused = 0;
  #unknown = 0;
  #committedMs = performance.now();
  #longestGapMs = 0;

  constructor(history: HistoryWriter) {
    this.#history = history;
  }

  /**
   * Does it and records it.
   *
   * @throws whatever is no CooeeError: that is a fault of the workload
   */
  async attempt<T>(link: NodeLink, client: string, attempt: Attempt<T>): Promise<Attempted<T>> {
    const { op, kind, task } = attempt;
    const run = link.run;
    const input = { ...attempt.input, run: `${link.node.name}/${run}` };
    const startNs = process.hrtime.bigint().toString();
    const put = ({ ok, output, key = attempt.key }: Outcome): boolean | null => {
      const endNs = ok === null ? null : process.hrtime.bigint().toString();
      this.#append({ op, key, input, output, ok, startNs, endNs, client });
      if (kind === 'write' && ok === true) this.#committed();
      return ok;
    };
    try {
      const answer = await task();
      // A read of nobody knows which run.
      if (kind === 'read' && run !== link.run) return { ok: put(cut('ended under it', kind)) };
      return { ok: put(attempt.read(answer)), answer };
    } catch (error) {
      if (!isCooeeError(error)) throw error;
      const isOneRun = run === link.run;
      return { ok: put(isOneRun ? refusal(error, attempt) : cut(error.code, kind)), error };
    }
  }

  /** Records what a node gave to read in the end. */
  final(node: string, input: unknown, output: unknown): void {
    this.#history.record('final', node, { input, output });
  }

  stats(): WorkloadStats {
    const gapMs = performance.now() - this.#committedMs;
    return {
      operations: this.#done + this.#refused + this.#unknown,
      done: this.#done,
      refused: this.#refused,
      unknown: this.#unknown,
      byOp: Object.fromEntries([...this.#byOp].sort()),
      longestGapMs: Math.max(this.#longestGapMs, gapMs),
    };
  }

  #committed(): void {
    const nowMs = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#committedMs);
    this.#committedMs = nowMs;
  }

  #append(operation: Operation): void {
    this.#history.append(operation);
    const { op, ok } = operation;
    this.#byOp.set(op, (this.#byOp.get(op) ?? 0) + 1);
    if (ok === null) this.#unknown += 1;
    else if (ok) this.#done += 1;
    else this.#refused += 1;
  }
}

/** The daemon ended under it. A read that failed has had no effect all the same. */
const cut = (code: string, kind: 'read' | 'write'): Outcome => ({
  ok: kind === 'read' ? false : null,
  output: { code },
});

/** Only the log's own word means that a write has had no effect and never will. */
function refusal<T>(error: CooeeError, { kind, refusals }: Attempt<T>): Outcome {
  const { code, details } = error;
  if (kind === 'read') return { ok: false, output: { code } };
  if (refusals?.has(code) !== true) return { ok: null, output: { code } };
  return { ok: false, output: { code, ...details } };
}
