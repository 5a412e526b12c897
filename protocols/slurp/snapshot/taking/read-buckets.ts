import type { StoreSnapshot } from '../../../interface/index.ts';
import { BUCKET_COUNT, bucketText } from '../../machine/bucket.ts';
import { COLD_MARK, stateKey } from '../../machine/stored.ts';
import { byName, type StateRow } from '../state-blocks.ts';

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
  readonly #pages: AsyncIterator<readonly (readonly [string, Uint8Array])[]>;
  readonly #mark: string;
  #page: readonly (readonly [string, Uint8Array])[] = [];
  #at = 0;

  constructor(moment: StoreSnapshot, mark: string, { from, to }: Span) {
    this.#mark = mark;
    const gte = `${mark}${bucketText(from)}/`;
    // The character behind the slash ends what begins with it.
    const lt = `${mark}${bucketText(to - 1)}0`;
    this.#pages = moment.pages('state', { gte, lt })[Symbol.asyncIterator]();
  }

  /** The rows of the next bucket, buckets in rising order. */
  async take(bucket: number): Promise<StateRow[]> {
    const prefix = `${this.#mark}${bucketText(bucket)}/`;
    const rows: StateRow[] = [];
    do {
      for (; this.#at < this.#page.length; this.#at++) {
        const [key, value] = this.#page[this.#at] as readonly [string, Uint8Array];
        if (!key.startsWith(prefix)) return rows;
        rows.push([stateKey.nameOf(key), value]);
      }
    } while (await this.#turn());
    return rows;
  }

  async close(): Promise<void> {
    await this.#pages.return?.();
  }

  /** False when there is no further page. */
  async #turn(): Promise<boolean> {
    const { done, value } = await this.#pages.next();
    this.#page = done === true ? [] : value;
    this.#at = 0;
    return this.#page.length > 0;
  }
}
