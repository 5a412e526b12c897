import { DEPTH_MAX } from './encoder.ts';

/**
 * Reads DAG-CBOR and accepts the one encoding that every value has, and no other: shortest lengths
 * and integers, maps in order, definite lengths, no floats, no tags. So what was read needs not be
 * encoded again to see whether it is canonical.
 */

// What a broken UTF-8 sequence is replaced by would be another text; a mark at the beginning stays.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Shorter texts are read character by character, which is quicker than to ask the decoder. */
const SHORT_BYTES = 10;

let bytes = new Uint8Array();
let at = 0;

/**
 * The value of canonical bytes.
 *
 * @throws TypeError when they are not the canonical encoding of a plain value
 */
export function decodePlain(input: Uint8Array): unknown {
  bytes = input as Uint8Array<ArrayBuffer>;
  at = 0;
  try {
    const value = read(0);
    if (at !== bytes.length) throw new TypeError('there are bytes behind it');
    return value;
  } finally {
    // It is not kept alive from here.
    bytes = new Uint8Array();
  }
}

function read(depth: number): unknown {
  if (depth > DEPTH_MAX) throw new TypeError('nested too deeply');
  const first = take();
  switch (first >> 5) {
    case 0:
      return argumentOf(first);
    case 1:
      return negative(argumentOf(first));
    case 2:
      return readBytes(argumentOf(first));
    case 3:
      return readText(argumentOf(first));
    case 4:
      return readList(argumentOf(first), depth);
    case 5:
      return readMap(argumentOf(first), depth);
    default:
      return simple(first);
  }
}

function take(): number {
  const byte = bytes[at];
  if (byte === undefined) throw new TypeError('it ends too soon');
  at++;
  return byte;
}

function simple(first: number): boolean | null {
  if (first === 0xf6) return null;
  if (first === 0xf5) return true;
  if (first === 0xf4) return false;
  throw new TypeError('neither a plain value nor a list nor a map');
}

/** The argument of a head, which must be in its shortest form. */
function argumentOf(first: number): number {
  const info = first & 0x1f;
  if (info < 24) return info;
  if (info === 24) return atLeast(take(), 24);
  if (info === 25) return atLeast(take() * 0x100 + take(), 0x100);
  if (info === 26) return atLeast(word(), 0x10000);
  if (info !== 27) throw new TypeError('a length that is not definite');
  const high = word();
  const value = atLeast(high * 0x100000000 + word(), 0x100000000);
  if (!Number.isSafeInteger(value)) throw new TypeError('numbers are safe integers only');
  return value;
}

function atLeast(value: number, min: number): number {
  if (value < min) throw new TypeError('not the shortest form');
  return value;
}

function word(): number {
  return take() * 0x1000000 + take() * 0x10000 + take() * 0x100 + take();
}

function negative(argument: number): number {
  const value = -1 - argument;
  if (!Number.isSafeInteger(value)) throw new TypeError('numbers are safe integers only');
  return value;
}

/** Where a string of that length ends. */
function endOf(length: number): number {
  const end = at + length;
  if (end > bytes.length) throw new TypeError('it ends too soon');
  return end;
}

function readBytes(length: number): Uint8Array {
  const end = endOf(length);
  // A copy of its own type: the input may be a Buffer, and large.
  const value = new Uint8Array(length);
  value.set(bytes.subarray(at, end));
  at = end;
  return value;
}

function readText(length: number): string {
  const end = endOf(length);
  let text = length <= SHORT_BYTES ? asciiUntil(end) : undefined;
  text ??= utf8.decode(bytes.subarray(at, end));
  if (text.startsWith('\ufeff')) throw new TypeError('a broken text');
  at = end;
  return text;
}

/** Undefined when it is not all ASCII. */
function asciiUntil(end: number): string | undefined {
  let text = '';
  for (let i = at; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

function readList(length: number, depth: number): unknown[] {
  // Each item takes a byte at least: a length is not believed before that.
  endOf(length);
  const list: unknown[] = [];
  for (let i = 0; i < length; i++) list.push(read(depth + 1));
  return list;
}

function readMap(length: number, depth: number): Record<string, unknown> {
  endOf(length * 2);
  const map: Record<string, unknown> = {};
  let before = -1;
  let beforeLength = 0;
  for (let i = 0; i < length; i++) {
    const first = take();
    if (first >> 5 !== 3) throw new TypeError('a key that is no text');
    const keyLength = argumentOf(first);
    const start = at;
    const key = readText(keyLength);
    if (before >= 0 && !isInOrder(before, beforeLength, start, keyLength)) {
      throw new TypeError('keys that are not in order');
    }
    // Code that copies keys by assignment would change a prototype.
    if (key === '__proto__') throw new TypeError('a field of that name is not allowed');
    map[key] = read(depth + 1);
    before = start;
    beforeLength = keyLength;
  }
  return map;
}

/** Shorter keys first, keys of one length by their bytes, none twice. */
function isInOrder(a: number, aLength: number, b: number, bLength: number): boolean {
  if (aLength !== bLength) return aLength < bLength;
  for (let i = 0; i < aLength; i++) {
    const difference = (bytes[b + i] ?? 0) - (bytes[a + i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
