import { createHash } from 'node:crypto';
import { CooeeError } from '../../protocols/interface/errors.ts';
import { LIMITS } from '../../protocols/interface/limits.ts';

/** An answer as it was sent. */
export interface StoredAnswer {
  readonly status: number;
  readonly json: string;
}

/** An answer together with what was asked. */
export interface StoredResult extends StoredAnswer {
  /** SHA-256 of route, path, query and body. */
  readonly fingerprint: string;
}

/**
 * Where results of idempotency keys are kept; a durable one may be put in place of the one in
 * memory.
 */
export interface IdempotencyStore {
  get(key: string): Promise<StoredResult | undefined>;
  put(key: string, result: StoredResult): Promise<void>;
}

/** Bounds of {@link createMemoryIdempotencyStore}. */
interface MemoryInit {
  readonly keysMax?: number;
  readonly bytesMax?: number;
}

/** Keeps the results used last, bounded by number and bytes; lost with the process. */
export function createMemoryIdempotencyStore(init: MemoryInit = {}): IdempotencyStore {
  const keysMax = init.keysMax ?? LIMITS.idempotencyKeysMax;
  const bytesMax = init.bytesMax ?? LIMITS.idempotencyBytesMax;
  const results = new Map<string, StoredResult>();
  let bytes = 0;
  const forget = (key: string): void => {
    bytes -= results.get(key)?.json.length ?? 0;
    results.delete(key);
  };
  return {
    async get(key) {
      const found = results.get(key);
      if (found !== undefined) {
        // A map keeps the order of insertion: what was used last stands last.
        results.delete(key);
        results.set(key, found);
      }
      return found;
    },
    async put(key, result) {
      forget(key);
      results.set(key, result);
      bytes += result.json.length;
      for (const oldest of results.keys()) {
        if (results.size <= keysMax && bytes <= bytesMax) break;
        forget(oldest);
      }
    },
  };
}

/** One request with a key. */
export interface KeyedRequest {
  readonly key: string;
  /** Who asks; the same key of another is another key. Empty: the socket's user. */
  readonly scope: string;
  /** Everything that makes it this request: route, path with query, body as it came. */
  readonly parts: readonly string[];
}

const KEY = /^[\x21-\x7e]{1,255}$/;

interface Running {
  readonly fingerprint: string;
  readonly answer: Promise<StoredAnswer>;
}

/**
 * Makes a repeated POST safe: same key and same request give the same answer, done once; duplicates
 * that come while the first is under way share it. Failures are not kept: they left nothing done,
 * so a repetition tries again.
 */
export class Idempotency {
  readonly #store: IdempotencyStore;
  readonly #running = new Map<string, Running>();

  constructor(store: IdempotencyStore) {
    this.#store = store;
  }

  /**
   * @throws CooeeError ERR_API_IDEMPOTENCY_MISMATCH when the key stands for another request
   * @throws CooeeError ERR_API_QUERY when the key is not 1 to 255 visible ASCII characters
   */
  async run(request: KeyedRequest, execute: () => Promise<StoredAnswer>): Promise<StoredAnswer> {
    if (!KEY.test(request.key)) {
      throw new CooeeError('ERR_API_QUERY', 'Idempotency-Key is 1 to 255 visible characters.', {
        details: { path: 'headers.idempotency-key' },
      });
    }
    // A key holds no space.
    const key = `${request.scope} ${request.key}`;
    const fingerprint = createHash('sha256').update(JSON.stringify(request.parts)).digest('hex');
    const running = this.#running.get(key);
    if (running !== undefined) {
      this.#mustEqual(running.fingerprint, fingerprint);
      return running.answer;
    }
    const answer = this.#once(key, fingerprint, execute);
    this.#running.set(key, { fingerprint, answer });
    try {
      return await answer;
    } finally {
      this.#running.delete(key);
    }
  }

  async #once(
    key: string,
    fingerprint: string,
    execute: () => Promise<StoredAnswer>,
  ): Promise<StoredAnswer> {
    const stored = await this.#store.get(key);
    if (stored !== undefined) {
      this.#mustEqual(stored.fingerprint, fingerprint);
      return stored;
    }
    const answer = await execute();
    await this.#store.put(key, { ...answer, fingerprint });
    return answer;
  }

  #mustEqual(known: string, asked: string): void {
    if (known !== asked) throw new CooeeError('ERR_API_IDEMPOTENCY_MISMATCH');
  }
}
