/**
 * Writes DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/) of plain values in one pass. The
 * general encoder makes a token of every value and a list of every map to sort it; messages are
 * encoded several times on their way, and that was a third of a leader's work.
 */

/** Nesting that a message may have; ours need six. A deeper one is an attempt on the stack. */
export const DEPTH_MAX = 16;

const utf8 = new TextEncoder();

const SCRATCH_BYTES = 64 * 1024;
/** A larger one is not kept for the next value. */
const SCRATCH_BYTES_MAX = 1024 * 1024;
/**
 * Small values share a piece of memory: one for each would be half of all that there is to clear.
 */
const PIECE_BYTES = 16 * 1024;
/** A value that takes more has its own, so that little is kept for the sake of another. */
const SHARED_BYTES_MAX = PIECE_BYTES / 8;
/** No text of so many characters needs more bytes than this times as many. */
const UTF8_BYTES_PER_CHARACTER = 3;
/** Shorter texts are written character by character, which is quicker than to ask the encoder. */
const SHORT_CHARACTERS = 48;

let scratch = new Uint8Array(SCRATCH_BYTES);
let at = 0;
let piece = new Uint8Array(PIECE_BYTES);
/** Before this lie values that were handed out. */
let pieceAt = 0;

/**
 * The canonical bytes of null, booleans, texts, safe integers, byte strings, lists and plain
 * objects of them. May be a window on a buffer that others share: not to be changed, nor its buffer
 * to be transferred.
 *
 * @throws TypeError for anything else: it would come out as another value
 */
export function encodePlain(value: unknown): Uint8Array {
  at = 0;
  try {
    write(value, 0);
    return at > SHARED_BYTES_MAX ? scratch.slice(0, at) : shared();
  } finally {
    if (scratch.length > SCRATCH_BYTES_MAX) scratch = new Uint8Array(SCRATCH_BYTES);
  }
}

/** What was written, in a window on the piece. */
function shared(): Uint8Array {
  if (pieceAt + at > PIECE_BYTES) {
    piece = new Uint8Array(PIECE_BYTES);
    pieceAt = 0;
  }
  const bytes = piece.subarray(pieceAt, pieceAt + at);
  bytes.set(scratch.subarray(0, at));
  pieceAt += at;
  return bytes;
}

function write(value: unknown, depth: number): void {
  if (depth > DEPTH_MAX) throw new TypeError('nested too deeply');
  if (typeof value === 'string') writeText(value);
  else if (typeof value === 'number') writeInteger(value);
  else if (value === null) writeByte(0xf6);
  else if (typeof value === 'boolean') writeByte(value ? 0xf5 : 0xf4);
  else if (value instanceof Uint8Array) writeBytes(value);
  else if (Array.isArray(value)) writeList(value, depth);
  else if (isPlainObject(value)) writeMap(value as Record<string, unknown>, depth);
  else if (typeof value === 'bigint') throw new TypeError('numbers are safe integers only');
  else throw new TypeError('neither a list nor a plain map');
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function room(bytes: number): void {
  if (at + bytes <= scratch.length) return;
  const larger = new Uint8Array(Math.max(scratch.length * 2, at + bytes));
  larger.set(scratch.subarray(0, at));
  scratch = larger;
}

function writeByte(byte: number): void {
  room(1);
  scratch[at++] = byte;
}

/** A major type with its argument, in as few bytes as it takes (RFC 8949, section 3). */
function writeHead(major: number, argument: number): void {
  room(9);
  if (argument < 24) {
    scratch[at++] = major | argument;
  } else if (argument < 0x100) {
    scratch[at++] = major | 24;
    scratch[at++] = argument;
  } else if (argument < 0x10000) {
    scratch[at++] = major | 25;
    scratch[at++] = argument >>> 8;
    scratch[at++] = argument;
  } else if (argument < 0x100000000) {
    scratch[at++] = major | 26;
    writeWord(argument);
  } else {
    scratch[at++] = major | 27;
    writeWord(Math.floor(argument / 0x100000000));
    writeWord(argument % 0x100000000);
  }
}

function writeWord(word: number): void {
  scratch[at++] = word >>> 24;
  scratch[at++] = word >>> 16;
  scratch[at++] = word >>> 8;
  scratch[at++] = word;
}

function writeInteger(value: number): void {
  if (!Number.isSafeInteger(value)) throw new TypeError('numbers are safe integers only');
  if (value >= 0) writeHead(0x00, value);
  else writeHead(0x20, -1 - value);
}

function writeBytes(value: Uint8Array): void {
  writeHead(0x40, value.length);
  room(value.length);
  scratch.set(value, at);
  at += value.length;
}

function writeText(text: string): void {
  if (text.length <= SHORT_CHARACTERS && isAscii(text)) {
    writeHead(0x60, text.length);
    room(text.length);
    for (let i = 0; i < text.length; i++) scratch[at++] = text.charCodeAt(i);
    return;
  }
  // A text that UTF-8 cannot carry, or whose first character a decoder swallows, would come out as
  // another one.
  if (!text.isWellFormed() || text.startsWith('\ufeff')) throw new TypeError('a broken text');
  room(9 + text.length * UTF8_BYTES_PER_CHARACTER);
  // Written where it comes to lie when its length takes as many bytes as its characters' number.
  const headBytes = headLength(text.length);
  const { written } = utf8.encodeInto(text, scratch.subarray(at + headBytes));
  const moved = headLength(written);
  if (moved !== headBytes) {
    scratch.copyWithin(at + moved, at + headBytes, at + headBytes + written);
  }
  writeHead(0x60, written);
  at += written;
}

function headLength(argument: number): number {
  if (argument < 24) return 1;
  if (argument < 0x100) return 2;
  return argument < 0x10000 ? 3 : 5;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function writeList(list: readonly unknown[], depth: number): void {
  writeHead(0x80, list.length);
  // By index: a hole is no value, and is refused like undefined.
  for (let i = 0; i < list.length; i++) write(list[i], depth + 1);
}

function writeMap(map: Record<string, unknown>, depth: number): void {
  const keys = Object.keys(map);
  sortKeys(keys);
  writeHead(0xa0, keys.length);
  for (const key of keys) {
    // No message has it, and code that copies keys by assignment would change a prototype.
    if (key === '__proto__') throw new TypeError('a field of that name is not allowed');
    writeText(key);
    write(map[key], depth + 1);
  }
}

/** By insertion: there are few keys, and the general sort makes three copies of them. */
function sortKeys(keys: string[]): void {
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let to = i;
    for (; to > 0 && compareKeys(keys[to - 1] as string, key) > 0; to--) {
      keys[to] = keys[to - 1] as string;
    }
    keys[to] = key;
  }
}

/** Shorter keys first, keys of one length by their bytes. */
function compareKeys(a: string, b: string): number {
  // In UTF-8 a text is at most three times as long as it has characters.
  if (a.length * UTF8_BYTES_PER_CHARACTER < b.length) return -1;
  if (isAscii(a) && isAscii(b)) return a.length - b.length || (a < b ? -1 : 1);
  const one = utf8.encode(a);
  const other = utf8.encode(b);
  if (one.length !== other.length) return one.length - other.length;
  for (let i = 0; i < one.length; i++) {
    const difference = (one[i] ?? 0) - (other[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
