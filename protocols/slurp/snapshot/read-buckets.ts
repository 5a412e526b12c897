import type { StoreSnapshot } from '../../interface/index.ts';
import { BUCKET_COUNT, bucketText } from '../machine/bucket.ts';
import { COLD_MARK, stateKey } from '../machine/stored.ts';
import { byName, type StateRow } from './state-blocks.ts';

/** One bucket as it was at that moment. */
export interface ReadBucket {
  readonly bucket: number;
  /** By name. */
  readonly rows: readonly StateRow[];
}

/** Buckets from `from` up to and without `to`. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads buckets, in order. Those that lie together are read in one go: opening an iterator costs as
 * much as reading many rows.
 */
export async function* readBuckets(
  moment: StoreSnapshot,
  wanted: ReadonlySet<number>,
): AsyncGenerator<ReadBucket> {
  for (const span of spansOf(wanted)) {
    const hot = new Rows(moment, '', span);
    const cold = new Rows(moment, COLD_MARK, span);
    try {
      for (let bucket = span.from; bucket < span.to; bucket++) {
        const rows = [...(await hot.take(bucket)), ...(await cold.take(bucket))];
        yield { bucket, rows: rows.sort(byName) };
      }
    } finally {
      await hot.close();
      await cold.close();
    }
  }
}

function* spansOf(wanted: ReadonlySet<number>): Iterable<Span> {
  let from: number | undefined;
  for (let bucket = 0; bucket <= BUCKET_COUNT; bucket++) {
    if (bucket < BUCKET_COUNT && wanted.has(bucket)) {
      from ??= bucket;
    } else if (from !== undefined) {
      yield { from, to: bucket };
      from = undefined;
    }
  }
}

/** The rows of a span of buckets, of the tables in memory or of the cold ones. */
class Rows {
  readonly #entries: AsyncIterator<readonly [string, Uint8Array]>;
  readonly #mark: string;
  #next: readonly [string, Uint8Array] | undefined;
  #isBegun = false;

  constructor(moment: StoreSnapshot, mark: string, { from, to }: Span) {
    this.#mark = mark;
    const gte = `${mark}${bucketText(from)}/`;
    // The character behind the slash ends what begins with it.
    const lt = `${mark}${bucketText(to - 1)}0`;
    this.#entries = moment.entries('state', { gte, lt })[Symbol.asyncIterator]();
  }

  /** The rows of the next bucket, buckets in rising order. */
  async take(bucket: number): Promise<StateRow[]> {
    if (!this.#isBegun) await this.#step();
    const prefix = `${this.#mark}${bucketText(bucket)}/`;
    const rows: StateRow[] = [];
    while (this.#next?.[0].startsWith(prefix) === true) {
      const [key, value] = this.#next;
      rows.push([stateKey.nameOf(key), value]);
      await this.#step();
    }
    return rows;
  }

  async close(): Promise<void> {
    await this.#entries.return?.();
  }

  async #step(): Promise<void> {
    this.#isBegun = true;
    const { done, value } = await this.#entries.next();
    this.#next = done === true ? undefined : value;
  }
}
