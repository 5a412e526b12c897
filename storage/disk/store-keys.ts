import {
  CooeeError,
  type Namespace,
  type StoreRange,
  type StoreWrite,
} from '../../protocols/interface/index.ts';

/**
 * Stands between namespace and key. No namespace contains it, so none is the beginning of another.
 */
const SEPARATOR = '!';

/** The character after {@link SEPARATOR}: where a namespace ends. */
const AFTER_SEPARATOR = '"';

/** Counted for each write on top of its key and value, so that many small ones are bounded too. */
const WRITE_OVERHEAD_BYTES = 64;

/** The key in the database: `<namespace>!<key>`. */
export function storedKey(namespace: Namespace, key: string): string {
  return `${namespace}${SEPARATOR}${key}`;
}

/** The key without its namespace. */
export function keyOf(namespace: Namespace, stored: string): string {
  return stored.slice(namespace.length + SEPARATOR.length);
}

/**
 * Refuses keys that would not come back as they are: UTF-8 has no lone surrogates, and two of them
 * would become one key.
 *
 * @throws CooeeError ERR_STORAGE_KEY
 */
export function assertKey(key: string): void {
  if (key === '' || !key.isWellFormed()) throw new CooeeError('ERR_STORAGE_KEY');
}

/** About the bytes that a batch takes. */
export function writeBytes(writes: readonly StoreWrite[]): number {
  let bytes = 0;
  for (const write of writes) {
    bytes += WRITE_OVERHEAD_BYTES + write.key.length + (write.value?.length ?? 0);
  }
  return bytes;
}

/** Bounds in the database of a range of one namespace; the larger of `gt` and `gte` counts. */
export function storedBounds(
  namespace: Namespace,
  range: StoreRange,
): { readonly gt?: string; readonly gte?: string; readonly lt: string } {
  const { gt, gte, lt } = range;
  const end = lt === undefined ? `${namespace}${AFTER_SEPARATOR}` : storedKey(namespace, lt);
  if (gt !== undefined && (gte === undefined || compareKeys(gt, gte) >= 0)) {
    return { gt: storedKey(namespace, gt), lt: end };
  }
  return { gte: storedKey(namespace, gte ?? ''), lt: end };
}

/** Order of keys: bytewise as UTF-8, which is by code point and not as JavaScript compares. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return byCodePoint(left) - byCodePoint(right);
  }
  return a.length - b.length;
}

/** Moves surrogates (which stand for code points above all others) behind U+E000–U+FFFF. */
function byCodePoint(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
