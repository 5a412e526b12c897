import type { z } from 'zod';
import { CooeeError, type CooeeErrorInit } from '../interface/index.ts';
import { decodePlain } from './dag-cbor/decoder.ts';
import { encodePlain } from './dag-cbor/encoder.ts';
import { plainCheckOf } from './plain-check.ts';

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
  try {
    return encodePlain(value);
  } catch (cause) {
    throw malformed(reasonOf(cause), { cause });
  }
}

/**
 * Decodes canonical bytes: one value has one encoding, or hashes and signatures could be bent.
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
  try {
    return decodePlain(bytes);
  } catch (cause) {
    throw malformed(`not canonical DAG-CBOR: ${reasonOf(cause)}`, { cause });
  }
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
  if (plainCheckOf(schema)?.(value) === true) return value as z.output<S>;
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
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function versionOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('v' in value)) return undefined;
  return Number.isSafeInteger(value.v) ? (value.v as number) : undefined;
}

/** What the codec says is its own words; a decoder of texts says what differs by version. */
function reasonOf(cause: unknown): string {
  return cause instanceof TypeError && !('code' in cause) ? cause.message : 'a broken text';
}

function malformed(message: string, init: CooeeErrorInit = {}): CooeeError {
  return new CooeeError('ERR_WIRE_MALFORMED', message, init);
}
