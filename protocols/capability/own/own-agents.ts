import type { KeyValueStore, Logger } from '../../interface/index.ts';
import { toError } from '../../interface/index.ts';
import { decodeAs, encodeCanonical } from '../../wire/index.ts';
import { type Availability, type AvailabilityPatch, availabilityWithVersion } from '../codec.ts';

/** What is announced of an agent before it has said anything. */
const DEFAULT: Availability = { capabilities: [], status: 'idle', load: 0, maxTasks: 1, tasks: 0 };

const KEY_PREFIX = 'own/';
/** The character after `/`. */
const KEY_END = 'own0';
const RECORD_BYTES_MAX = 16 * 1024;

/** What the agents of this node announce, kept over restarts. */
export class OwnAgents {
  readonly #store: KeyValueStore;
  readonly #logger: Logger;
  readonly #known = new Map<string, Availability>();

  constructor(store: KeyValueStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  async load(): Promise<void> {
    const range = { gte: KEY_PREFIX, lt: KEY_END };
    for await (const [key, bytes] of this.#store.entries('announcement', range)) {
      try {
        const { v: _v, ...known } = decodeAs(availabilityWithVersion, bytes, RECORD_BYTES_MAX);
        this.#known.set(key.slice(KEY_PREFIX.length), known);
      } catch (error) {
        // It starts anew as if it had never said anything; the agent will.
        this.#logger.warn({ err: toError(error), key }, 'a stored announcement is damaged');
      }
    }
  }

  get(token: string): Availability {
    return this.#known.get(token) ?? DEFAULT;
  }

  /**
   * Changes what is given; resolves once it outlives the process. @throws CooeeError ERR_STORAGE_*,
   * ERR_WIRE_MALFORMED: nothing changed
   */
  async patch(token: string, patch: AvailabilityPatch): Promise<void> {
    const given = Object.entries(patch).filter(([, value]) => value !== undefined);
    const before = this.#known.get(token);
    const changed: Availability = { ...this.get(token), ...Object.fromEntries(given) };
    // First: with what cannot be encoded in it, nothing of this node could be announced any more.
    const value = encodeCanonical({ v: 1, ...changed });
    this.#known.set(token, changed);
    try {
      await this.#store.batch([{ namespace: 'announcement', key: `${KEY_PREFIX}${token}`, value }]);
    } catch (error) {
      // What was not kept is not announced either, unless a later change has built on it.
      if (this.#known.get(token) === changed) {
        if (before === undefined) this.#known.delete(token);
        else this.#known.set(token, before);
      }
      throw error;
    }
  }
}
