/** Into so many buckets the state is divided. Part of the format: never changed. */
export const BUCKET_COUNT = 1_024;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The bucket of a key of the state: FNV-1a of 32 bits (draft-eastlake-fnv) over the text's UTF-16
 * units, low byte first, then mixed as MurmurHash3 does, of which the upper ten bits. Whoever picks
 * keys so that they meet gains nothing, since a bucket is split when it is large; so a fast hash
 * will do for what is computed with every read and write.
 *
 * @param name `<table>/<key>`
 */
export function bucketOf(name: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), FNV_PRIME);
    hash = Math.imul(hash ^ (unit >>> 8), FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 22;
}

/** A bucket as it stands in the keys of the store: three hexadecimal digits. */
export function bucketText(bucket: number): string {
  return TEXTS[bucket] ?? textOf(bucket);
}

/** Each write to the state needs one. */
const TEXTS = Array.from({ length: BUCKET_COUNT }, (_, bucket) => textOf(bucket));

function textOf(bucket: number): string {
  return bucket.toString(16).padStart(3, '0');
}
