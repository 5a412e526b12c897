import { z } from 'zod';
import {
  CooeeError,
  type KeyValueStore,
  LIMITS,
  type StoreWrite,
} from '../../protocols/interface/index.ts';
import { decodeAs, encodeCanonical } from '../../protocols/wire/index.ts';

/** The right to act as an agent, for a time: a ticket is good while its session stands here. */
export interface Session {
  readonly id: string;
  /** Token of the agent. */
  readonly agent: string;
  /**
   * Version of the agent's record then: one retired and granted again meanwhile has another. Not
   * known of sessions of earlier versions of this program.
   */
  readonly version?: number | undefined;
  readonly createdMs: number;
  readonly expiresMs: number;
}

const RECORD_BYTES_MAX = 512;

const recordSchema = z.strictObject({
  v: z.literal(1),
  agent: z.string().min(1).max(64),
  version: z.int().min(0).optional(),
  createdMs: z.int().min(0),
  expiresMs: z.int().min(0),
});

/** The sessions of a node: in memory, and in its store, so that they survive a restart. */
export class SessionBook {
  readonly #store: KeyValueStore;
  readonly #byId = new Map<string, Session>();
  /** Ended here, and still on the disk since it could not be written. */
  readonly #unwritten = new Map<string, Session>();
  readonly #onDrop: (session: Session) => void;

  /** @param onDrop - told of each session that ends, before anything else is asked */
  constructor(store: KeyValueStore, onDrop: (session: Session) => void) {
    this.#store = store;
    this.#onDrop = onDrop;
  }

  /** Loads what is kept. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_MALFORMED */
  async open(): Promise<void> {
    for await (const [id, bytes] of this.#store.entries('session')) {
      const { v: _, ...kept } = decodeAs(recordSchema, bytes, RECORD_BYTES_MAX);
      this.#byId.set(id, { id, ...kept });
    }
  }

  get(id: string): Session | undefined {
    return this.#byId.get(id);
  }

  /** All sessions, the oldest first. */
  all(): readonly Session[] {
    return [...this.#byId.values()].sort((a, b) => a.createdMs - b.createdMs);
  }

  /**
   * Durable when it resolves; a failure leaves nothing.
   *
   * @throws CooeeError ERR_SESSIONS_TOO_MANY, ERR_STORAGE_*
   */
  async add(session: Session): Promise<void> {
    const { id, ...kept } = session;
    this.#assertRoom(session.agent);
    // At once: another that is added meanwhile counts it.
    this.#byId.set(id, session);
    try {
      const value = encodeCanonical({ v: 1, ...kept });
      await this.#store.batch([{ namespace: 'session', key: id, value }], { sync: true });
    } catch (error) {
      this.#forget(session);
      throw error;
    }
  }

  /**
   * A session that {@link drop} ended and could not take off the disk: a restart brings it back.
   */
  unwritten(id: string): Session | undefined {
    return this.#unwritten.get(id);
  }

  /**
   * Ends sessions: at once here, on the disk when it resolves. What an earlier call could not write
   * goes with it.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async drop(sessions: readonly Session[]): Promise<void> {
    for (const session of sessions) this.#unwritten.set(session.id, session);
    this.forget(sessions);
    const ended = [...this.#unwritten.keys()];
    if (ended.length === 0) return;
    await this.#store.batch(ended.map(removal), { sync: true });
    for (const id of ended) this.#unwritten.delete(id);
  }

  /** Ends sessions here; the caller writes what ends them on the disk. */
  forget(sessions: readonly Session[]): readonly StoreWrite[] {
    for (const session of sessions) this.#forget(session);
    return sessions.map(({ id }) => removal(id));
  }

  #forget(session: Session): void {
    this.#byId.delete(session.id);
    this.#onDrop(session);
  }

  #assertRoom(agent: string): void {
    let ofAgent = 0;
    for (const session of this.#byId.values()) if (session.agent === agent) ofAgent += 1;
    const isFull = ofAgent >= LIMITS.sessionsPerAgentMax;
    if (!isFull && this.#byId.size < LIMITS.sessionsMax) return;
    const what = isFull ? 'agent' : 'node';
    const limit = isFull ? LIMITS.sessionsPerAgentMax : LIMITS.sessionsMax;
    throw new CooeeError('ERR_SESSIONS_TOO_MANY', `the ${what} has ${limit} good tickets`, {
      details: { what, limit },
    });
  }
}

function removal(id: string): StoreWrite {
  return { namespace: 'session', key: id };
}
