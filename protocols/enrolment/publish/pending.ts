import { z } from 'zod';
import {
  CooeeError,
  type KeyValueStore,
  LIMITS,
  type Logger,
  type StoreWrite,
  toError,
} from '../../interface/index.ts';
import { bytesUpTo, decodeAs, encodeCanonical } from '../../wire/index.ts';
import { type Claim, decodeClaim } from '../codec.ts';

/** A request that waits for its grant. */
export interface PendingRequest {
  /** Id under which it is stored: hex of the hash of its first claim. */
  readonly id: string;
  /** The id that the caller got: that of the first request of its list. */
  readonly group: string;
  /** The signed claim as it was published last. */
  readonly claim: Uint8Array;
  readonly value: Claim;
  readonly gpuInfo: readonly string[];
}

const ID = /^[0-9a-f]{64}$/;
const RECORD_BYTES_MAX = LIMITS.enrolmentBytesMax + 1024;

const recordSchema = z.strictObject({
  v: z.literal(1),
  group: z.string().regex(ID),
  claim: bytesUpTo(LIMITS.enrolmentBytesMax),
  gpuInfo: z.array(z.string()).min(1).max(LIMITS.agentsPerHostMax),
});

/**
 * The requests of this node that are not decided yet, on the disk before anybody is told that they
 * are accepted.
 */
export class PendingStore {
  readonly #store: KeyValueStore;
  readonly #logger: Logger;

  constructor(store: KeyValueStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** All of them, in the order of their numbers. A damaged one is left out and reported. */
  async load(): Promise<PendingRequest[]> {
    const found: PendingRequest[] = [];
    const range = { limit: LIMITS.enrolmentsPendingMax };
    for await (const [id, bytes] of this.#store.entries('pending', range)) {
      const request = this.#decode(id, bytes);
      if (request !== undefined) found.push(request);
    }
    return found.sort((a, b) => a.value.boot - b.value.boot || a.value.seq - b.value.seq);
  }

  /** Resolves when they are on the disk. @throws CooeeError ERR_STORAGE_* */
  async put(requests: readonly PendingRequest[]): Promise<void> {
    const writes = requests.map(({ id, group, claim, gpuInfo }): StoreWrite => {
      const value = encodeCanonical({ v: 1, group, claim, gpuInfo });
      return { namespace: 'pending', key: id, value };
    });
    await this.#store.batch(writes, { sync: true });
  }

  /** Forgets a decided request. Should that fail, the state settles it at the next start. */
  async delete(id: string): Promise<void> {
    try {
      await this.#store.batch([{ namespace: 'pending', key: id }]);
    } catch (error) {
      this.#logger.warn({ err: toError(error), id }, 'a decided enrolment could not be deleted');
    }
  }

  #decode(id: string, bytes: Uint8Array): PendingRequest | undefined {
    try {
      const { group, claim, gpuInfo } = decodeAs(recordSchema, bytes, RECORD_BYTES_MAX);
      const { value } = decodeClaim(claim);
      if (gpuInfo.length !== value.agents.length) throw new CooeeError('ERR_STORAGE_DAMAGED');
      return { id, group, claim, value, gpuInfo };
    } catch (error) {
      this.#logger.error({ err: toError(error), id }, 'a stored enrolment is damaged');
      return undefined;
    }
  }
}
