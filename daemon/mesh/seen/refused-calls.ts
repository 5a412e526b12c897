import { z } from 'zod';
import {
  type Clock,
  type KeyValueStore,
  LIMITS,
  type StateReader,
  type StoreWrite,
} from '../../../protocols/interface/index.ts';
import {
  type Command,
  commandSchema,
  type RefusedCommand,
} from '../../../protocols/slurp/index.ts';
import { count, decodeAs, encodeCanonical, timeMs } from '../../../protocols/wire/index.ts';

/** Room in a record for everything but the command. */
const RECORD_OVERHEAD_BYTES = 4 * 1024;
const MESSAGE_LENGTH_MAX = 512;

const recordSchema = z.strictObject({
  v: z.literal(1),
  command: commandSchema,
  code: z.string(),
  message: z.string(),
  index: count.optional(),
  atMs: timeMs,
});

/** A call that was accepted here and then refused. */
export interface RefusedCall {
  /** What was to open it. */
  readonly command: Command;
  readonly code: string;
  readonly message: string;
  /** Index of the entry that refused it; undefined when it never came into the log. */
  readonly index?: number | undefined;
  /** By the clock of this node. */
  readonly atMs: number;
}

/**
 * The calls of this node that were accepted and then refused, so that who asked can read why: the
 * last of them, on the disk with the decision itself.
 */
export class RefusedCalls {
  readonly #clock: Clock;
  /** By id, the oldest first; with the key of the store. */
  readonly #calls = new Map<string, { readonly key: string; readonly of: RefusedCall }>();
  #last = 0;
  #state: Pick<StateReader, 'get'> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Loads what is kept. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* when it is damaged */
  async open(
    store: Pick<KeyValueStore, 'entries'>,
    state: Pick<StateReader, 'get'>,
  ): Promise<void> {
    this.#state = state;
    for await (const [key, bytes] of store.entries('refusedcall')) {
      const bytesMax = LIMITS.batchBytesMax + RECORD_OVERHEAD_BYTES;
      const { v: _v, ...of } = decodeAs(recordSchema, bytes, bytesMax);
      this.#calls.set(of.command.id, { key, of });
      this.#last = Number(key);
    }
  }

  /**
   * The writes that note a refused command, when it opens a call. Of what the log decided while
   * this node was away nobody tells how: a call that the state has was not refused.
   */
  writesFor(command: Command, { code, message, index }: RefusedCommand): readonly StoreWrite[] {
    if (command.kind !== 'call.open') return [];
    if (this.#state?.get('call', command.id) !== undefined) return [];
    const said = message.slice(0, MESSAGE_LENGTH_MAX).toWellFormed();
    const of = { command, code, message: said, atMs: this.#clock.nowMs() };
    const record: RefusedCall = index === undefined ? of : { ...of, index };
    this.#last++;
    const key = String(this.#last).padStart(12, '0');
    const writes: StoreWrite[] = [
      { namespace: 'refusedcall', key, value: encodeCanonical({ v: 1, ...record }) },
    ];
    const before = this.#calls.get(command.id);
    this.#calls.delete(command.id);
    this.#calls.set(command.id, { key, of: record });
    if (before !== undefined) writes.push({ namespace: 'refusedcall', key: before.key });
    for (const [id, { key: oldest }] of this.#calls) {
      if (this.#calls.size <= LIMITS.callRefusalsMax) break;
      this.#calls.delete(id);
      writes.push({ namespace: 'refusedcall', key: oldest });
    }
    return writes;
  }

  /** Why a call was refused; undefined when it was not, or that is forgotten. */
  get(id: string): RefusedCall | undefined {
    return this.#calls.get(id)?.of;
  }

  /** All that are kept, the newest first. */
  list(): readonly RefusedCall[] {
    return [...this.#calls.values()].map(({ of }) => of).reverse();
  }

  /** The ids that are remembered. */
  get ids(): readonly string[] {
    return [...this.#calls.keys()];
  }
}
