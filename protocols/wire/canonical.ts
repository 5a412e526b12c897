import * as dagCbor from '@ipld/dag-cbor';
import type { z } from 'zod';
import { CooeeError } from '../interface/index.ts';

/** Nesting that a message may have; ours need six. A deeper one is an attempt on the stack. */
const DEPTH_MAX = 16;

/**
 * Encodes to DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/), the only encoding that is signed or hashed.
 *
 * @throws CooeeError ERR_WIRE_MALFORMED when the value holds a float, a bigint or undefined: a bug of the caller
 */
export function encodeCanonical(value: unknown): Uint8Array {
  assertPlain(value, 0);
  return dagCbor.encode(value);
}

/**
 * Decodes canonical bytes. The decoder accepts some encodings that it would not make itself (key order, float 1.0), so
 * the value is encoded again and compared: one value has one encoding, or hashes and signatures could be bent.
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
    throw new CooeeError('ERR_WIRE_MALFORMED', 'not DAG-CBOR', { cause });
  }
  if (!equalBytes(bytes, again)) {
    throw new CooeeError('ERR_WIRE_MALFORMED', 'not the canonical encoding of its value');
  }
  return value;
}

/**
 * Decodes canonical bytes and checks them against a schema. A version field that is an integer but unknown is told
 * apart, so that a newer member is asked to wait rather than scored as an attacker.
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
  const path = issue?.path.join('.') ?? '';
  throw new CooeeError('ERR_WIRE_MALFORMED', `field ${path || '(root)'}: ${issue?.message ?? ''}`, {
    details: { path },
  });
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

function assertPlain(value: unknown, depth: number): void {
  if (depth > DEPTH_MAX) throw new CooeeError('ERR_WIRE_MALFORMED', 'nested too deeply');
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new CooeeError('ERR_WIRE_MALFORMED', 'numbers are safe integers only');
  }
  if (typeof value === 'bigint') {
    throw new CooeeError('ERR_WIRE_MALFORMED', 'numbers are safe integers only');
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    assertPlain(item, depth + 1);
  }
}
