import { z } from 'zod';

/** More digits than the clock of any machine has. */
const nanoseconds = z.string().regex(/^\d{1,20}$/, 'not decimal nanoseconds');

const name = z.string().min(1).max(1024);

const shape = z.strictObject({
  op: name,
  key: name,
  input: z.unknown(),
  output: z.unknown(),
  ok: z.boolean().nullable(),
  startNs: nanoseconds,
  endNs: nanoseconds.nullable(),
  client: name,
});

/**
 * One operation of one client, as Jepsen and Porcupine know it: what was asked, what was answered,
 * and between which moments it must have taken effect, if it did.
 */
export interface Operation {
  /** What was done: `call.claim`, `submit`, … */
  readonly op: string;
  /** What it was done to: the id of a call, the address of a record. Keys are judged apart. */
  readonly key: string;
  /** JSON. */
  readonly input: unknown;
  /** JSON. Of a refusal `{code, …}`; of what is unknown the little that is known, or null. */
  readonly output: unknown;
  /**
   * `true`: done. `false`: refused, it has had no effect and never will. `null`: unknown (no
   * answer, or one that promises it for later); it takes effect at some time after its start, or
   * never.
   */
  readonly ok: boolean | null;
  /** Of the monotonic clock, in decimal: so many nanoseconds do not fit a JSON number. */
  readonly startNs: string;
  /** Null when `ok` is null, and only then: what is unknown has no end. */
  readonly endNs: string | null;
  /** `<node>/<number>`. */
  readonly client: string;
}

/**
 * Checks what a file says is an operation.
 *
 * @throws Error that names the field
 */
export function toOperation(value: unknown): Operation {
  const parsed = shape.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not an operation'}`);
  }
  const { ok, startNs, endNs } = parsed.data;
  if ((ok === null) !== (endNs === null)) throw new Error('endNs: null exactly when ok is null');
  if (endNs !== null && BigInt(endNs) < BigInt(startNs)) throw new Error('endNs: before startNs');
  return { ...parsed.data, input: parsed.data.input ?? null, output: parsed.data.output ?? null };
}
