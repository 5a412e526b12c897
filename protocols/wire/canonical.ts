import * as dagCbor from '@ipld/dag-cbor';
import type { z } from 'zod';
import { CooeeError, type CooeeErrorInit } from '../interface/index.ts';

/** Nesting that a message may have; ours need six. A deeper one is an attempt on the stack. */
const DEPTH_MAX = 16;

/**
 * What a refusal quotes of a peer's bytes at most: field names and keys are the peer's own words.
 */
const QUOTE_LENGTH_MAX = 200;

/**
 * Encodes to DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/), the only encoding that is
 * signed or hashed.
 *
 * @throws CooeeError ERR_WIRE_MALFORMED when the value holds what {@link decodeCanonical} would not
 * give back: a float, a
 *   bigint, undefined, an object of a class, a broken text
 */
export function encodeCanonical(value: unknown): Uint8Array {
  assertPlain(value, 0);
  try {
    return dagCbor.encode(value);
  } catch (cause) {
    throw malformed('not encodable', { cause });
  }
}

/**
 * Decodes canonical bytes. The decoder accepts some encodings that it would not make itself (key
 * order, float 1.0), so the value is encoded again and compared: one value has one encoding, or
 * hashes and signatures could be bent.
 *
 * @param bytesMax - what is longer is refused before it is looked at
 * @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED
 */
export function decodeCanonical(bytes: Uint8Array, bytesMax: number): unknown {
  if (bytes.length > bytesMax) {
    throw new CooeeError(
      'ERR_WIRE_TOO_LARGE',
      `a message of ${bytes.length} bytes, limit ${bytesMax}`,
    );
  }
  let value: unknown;
  let again: Uint8Array;
  try {
    value = dagCbor.decode(bytes);
    assertPlain(value, 0);
    again = dagCbor.encode(value);
  } catch (cause) {
    throw malformed('not DAG-CBOR', { cause });
  }
  if (!equalBytes(bytes, again)) {
    throw malformed('not the canonical encoding of its value');
  }
  return value;
}

/**
 * Decodes canonical bytes and checks them against a schema. A version field that is an integer but
 * unknown is told apart, so that a newer member is asked to wait rather than scored as an attacker.
 *
 * @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION
 */
export function decodeAs<S extends z.ZodType>(
  schema: S,
  bytes: Uint8Array,
  bytesMax: number,
): z.output<S> {
  const value = decodeCanonical(bytes, bytesMax);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const version = versionOf(value);
  if (version !== undefined && version > 1) {
    throw new CooeeError('ERR_WIRE_VERSION', `version ${version} is not known`);
  }
  const issue = parsed.error.issues[0];
  const path = (issue?.path.join('.') ?? '').slice(0, QUOTE_LENGTH_MAX);
  const message = (issue?.message ?? '').slice(0, QUOTE_LENGTH_MAX);
  throw malformed(`field ${path || '(root)'}: ${message}`, { details: { path } });
}

/** Whether two byte strings are equal. Not constant-time: only for public bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function versionOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('v' in value)) return undefined;
  return Number.isSafeInteger(value.v) ? (value.v as number) : undefined;
}

/**
 * Null, booleans, texts, safe integers, bytes, lists and plain objects; a CID (tag 42) is an object
 * of a class.
 */
function assertPlain(value: unknown, depth: number): void {
  if (depth > DEPTH_MAX) throw malformed('nested too deeply');
  if (typeof value === 'string') assertText(value);
  if (isLeaf(value)) return;
  if (typeof value === 'number' || typeof value === 'bigint') {
    throw malformed('numbers are safe integers only');
  }
  if (Array.isArray(value)) {
    for (const item of value) assertPlain(item, depth + 1);
    return;
  }
  if (!isPlainObject(value)) throw malformed('neither a list nor a plain map');
  for (const [key, item] of Object.entries(value)) {
    assertText(key);
    // No message has it, and code that copies keys by assignment would change a prototype.
    if (key === '__proto__') throw malformed('a field of that name is not allowed');
    assertPlain(item, depth + 1);
  }
}

/**
 * A text that UTF-8 cannot carry, or whose first character a decoder swallows, would come out as
 * another one.
 */
function assertText(text: string): void {
  if (!text.isWellFormed() || text.startsWith('\ufeff')) throw malformed('a broken text');
}

function isLeaf(value: unknown): boolean {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true;
  return Number.isSafeInteger(value) || value instanceof Uint8Array;
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function malformed(message: string, init: CooeeErrorInit = {}): CooeeError {
  return new CooeeError('ERR_WIRE_MALFORMED', message, init);
}
