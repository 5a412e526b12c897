import { z } from 'zod';
import {
  type AuthorRecord,
  type Clock,
  type Crypto,
  type KeyValueStore,
  LIMITS,
  type StateReader,
  type StoreWrite,
} from '../../protocols/interface/index.ts';
import type { Command, RefusedCommand } from '../../protocols/slurp/index.ts';
import {
  commitBody,
  idOfOrder,
  SUBMISSION_KINDS,
  type SubmissionKind,
} from '../../protocols/submission/index.ts';
import { cidText, count, decodeAs, encodeCanonical, timeMs } from '../../protocols/wire/index.ts';

const RECORD_BYTES_MAX = 16 * 1024;
const MESSAGE_LENGTH_MAX = 512;

const recordSchema = z.strictObject({
  v: z.literal(1),
  id: cidText,
  kind: z.enum(SUBMISSION_KINDS),
  address: z.string(),
  title: z.string(),
  author: z.strictObject({ peer: z.string(), agent: z.string().optional() }),
  acceptedMs: timeMs,
  refusedMs: timeMs,
  code: z.string(),
  message: z.string(),
  index: count.optional(),
});

/** A submission that was accepted here and then refused. */
export interface RefusedSubmission {
  readonly id: string;
  readonly kind: SubmissionKind;
  readonly address: string;
  readonly title: string;
  readonly author: AuthorRecord;
  readonly acceptedMs: number;
  /** By the clock of this node. */
  readonly refusedMs: number;
  readonly code: string;
  readonly message: string;
  /** Log index of the entry that decided it; undefined when it never came into the log. */
  readonly index?: number | undefined;
}

/** What {@link RefusalBook} works with. */
export interface RefusalBookComponents {
  readonly store: KeyValueStore;
  readonly state: StateReader;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
}

/**
 * The submissions of this node that were accepted and then refused, so that their author can read
 * why: the last thousand of them, on the disk with the decision itself.
 */
export class RefusalBook {
  readonly #components: RefusalBookComponents;
  /** By id, the oldest first; with the key of the store. */
  readonly #records = new Map<string, { readonly key: string; readonly of: RefusedSubmission }>();
  #last = 0;

  constructor(components: RefusalBookComponents) {
    this.#components = components;
  }

  /** Loads what is kept. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* when it is damaged */
  async open(): Promise<void> {
    for await (const [key, bytes] of this.#components.store.entries('refusal')) {
      const { v: _v, author, ...record } = decodeAs(recordSchema, bytes, RECORD_BYTES_MAX);
      const { peer, agent } = author;
      const by = agent === undefined ? { peer } : { peer, agent };
      this.#records.set(record.id, { key, of: { ...record, author: by } });
      this.#last = Number(key);
    }
  }

  /** The refusal of a submission; undefined when it was not refused, or that is forgotten. */
  get(id: string): RefusedSubmission | undefined {
    return this.#records.get(id)?.of;
  }

  /** All that are kept, the newest first. */
  list(): readonly RefusedSubmission[] {
    return [...this.#records.values()].map(({ of }) => of).reverse();
  }

  /** The writes that note a refused command, when it is a submission. */
  writesFor(command: Command, refused: RefusedCommand): readonly StoreWrite[] {
    const record = this.#recordOf(command, refused);
    if (record === undefined) return [];
    this.#last++;
    const key = String(this.#last).padStart(12, '0');
    const value = encodeCanonical({ v: 1, ...withoutUndefined(record) });
    const writes: StoreWrite[] = [{ namespace: 'refusal', key, value }];
    const before = this.#records.get(record.id);
    this.#records.delete(record.id);
    this.#records.set(record.id, { key, of: record });
    if (before !== undefined) writes.push({ namespace: 'refusal', key: before.key });
    for (const [id, { key: oldest }] of this.#records) {
      if (this.#records.size <= LIMITS.submissionRefusalsMax) break;
      this.#records.delete(id);
      writes.push({ namespace: 'refusal', key: oldest });
    }
    return writes;
  }

  #recordOf(command: Command, refused: RefusedCommand): RefusedSubmission | undefined {
    if (command.kind !== 'submission.commit') return undefined;
    const order = commitBody.safeParse(command.body);
    if (!order.success) return undefined;
    const { crypto, clock, state } = this.#components;
    const { kind, address, title } = order.data.head;
    const { peer, agent } = command.actor;
    const author = agent === undefined ? { peer } : { peer, agent };
    const id = idOfOrder(crypto.sha256, author, order.data);
    // It came in by another command, or how it was decided is not known and it is there.
    if (state.get('submission', id) !== undefined) return undefined;
    const { code, message, index } = refused;
    return {
      ...{ id, kind, address, title, author, code, index },
      acceptedMs: command.timeMs,
      refusedMs: clock.nowMs(),
      message: message.slice(0, MESSAGE_LENGTH_MAX).toWellFormed(),
    };
  }
}

function withoutUndefined(record: RefusedSubmission): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
