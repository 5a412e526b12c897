import {
  type Actor,
  type Clock,
  CooeeError,
  type Outcome,
} from '../../protocols/interface/index.ts';
import type {
  CommandBody,
  CommandKind,
  Decided,
  Outbox,
  Submitted,
} from '../../protocols/slurp/index.ts';

/** How far a write came. */
export type WriteResult =
  | { readonly id: string; readonly state: 'accepted' }
  | {
      readonly id: string;
      readonly state: 'committed';
      readonly index: number;
      /** What the reducer answered. */
      readonly value: unknown;
    };

/** How a write is handed in. */
export interface WriteOptions {
  /** The agent or the human that acts; the node itself without it. */
  readonly actor?: Omit<Actor, 'peer'>;
  /** Wait so long for the commit; without it, only until it is accepted. */
  readonly timeoutMs?: number | undefined;
}

/** Hands commands in and waits for what becomes of them. */
export class Writer {
  readonly #outbox: Outbox;
  readonly #clock: Clock;

  constructor(outbox: Outbox, clock: Clock) {
    this.#outbox = outbox;
    this.#clock = clock;
  }

  /**
   * Hands a command in; resolves once it is accepted, or with `timeoutMs` once it is committed and
   * applied here, at the latest when the time is up.
   *
   * @throws CooeeError the refusal, before the log or by it; ERR_SLURP_OUTBOX_FULL, ERR_STORAGE_*
   * when it was not kept
   */
  async write<K extends CommandKind>(
    kind: K,
    body: CommandBody<K>,
    { actor, timeoutMs }: WriteOptions = {},
  ): Promise<WriteResult> {
    const isAwaited = timeoutMs !== undefined;
    const options = { isAwaited, ...(actor === undefined ? {} : { actor }) };
    const submitted = this.#outbox.submit(kind, body, options);
    await submitted.accepted;
    if (timeoutMs === undefined) return { id: submitted.id, state: 'accepted' };
    const decided = await this.#within(submitted, timeoutMs);
    if (decided === undefined) return { id: submitted.id, state: 'accepted' };
    return { id: submitted.id, ...settled(decided) };
  }

  /**
   * As {@link write}, but not committed in time is an error. @throws CooeeError ERR_API_TIMEOUT,
   * and as there
   */
  async commit<K extends CommandKind>(
    kind: K,
    body: CommandBody<K>,
    timeoutMs: number,
  ): Promise<Extract<WriteResult, { state: 'committed' }>> {
    const result = await this.write(kind, body, { timeoutMs });
    if (result.state === 'committed') return result;
    throw new CooeeError('ERR_SLURP_NO_LEADER', 'accepted, but not committed in time', {
      details: { id: result.id },
    });
  }

  /**
   * Hands a command in and waits for the log's word, a refusal included, however long it takes.
   *
   * @throws CooeeError when it never reached the log
   */
  async decide<K extends CommandKind>(
    kind: K,
    body: CommandBody<K>,
  ): Promise<Outcome & { readonly index: number }> {
    const submitted = this.#outbox.submit(kind, body);
    await submitted.accepted;
    const decided = await submitted.decided;
    if ('error' in decided) throw decided.error;
    return { ...decided.outcome, index: decided.index };
  }

  /** Undefined when the time is up first. */
  #within({ decided }: Submitted, timeoutMs: number): Promise<Decided | undefined> {
    return new Promise((resolve, reject) => {
      const late = this.#clock.schedule(timeoutMs, () => resolve(undefined));
      decided.then((word) => {
        late.cancel();
        resolve(word);
      }, reject);
    });
  }
}

function settled(decided: Decided): { state: 'committed'; index: number; value: unknown } {
  if ('error' in decided) throw decided.error;
  const { outcome, index } = decided;
  if (outcome.ok) return { state: 'committed', index, value: outcome.value };
  throw new CooeeError(outcome.code, outcome.message, {
    details: { ...outcome.details, index },
  });
}
