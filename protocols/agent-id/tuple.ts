import { CooeeError, type Hash, isWithinUtf8, LIMITS } from '../interface/index.ts';
import { tinyHashOf } from './tiny-hash.ts';

/** What an agent is, as found on the host or given by a person. */
export interface AgentTupleInput {
  readonly model: string;
  readonly hostname: string;
  /** 12 hex digits, in pairs or fours with `:`, `-` or `.` between them, or without. */
  readonly mac: string;
  /** Index of the GPU, 0-15; 0 on a host without one. */
  readonly gpu_id: string | number;
}

/** What an agent is, in the one form that is hashed: see {@link canonicalTuple}. */
export interface AgentTuple {
  readonly model: string;
  readonly hostname: string;
  /** 12 lower-case hex digits. */
  readonly mac: string;
  /** `0` to `15`. */
  readonly gpu_id: string;
}

/** The names under which a tuple is found. */
export interface TupleHashes {
  /** SHA-256 of the joined form, 64 lower-case hex digits. */
  readonly hash: string;
  /** The first 48 bits of it in 10 symbols. */
  readonly tinyHash: string;
}

/**
 * Raw texts over this length (UTF-16 units) are refused unread. Fully decomposed, 255 bytes are at
 * most about 400 units, so only absurd padding is lost.
 */
const RAW_LENGTH_MAX = 4 * LIMITS.tupleFieldBytesMax;

/**
 * The separator, and what cannot be printed, agreed on, or makes text around it lie: controls (Cc),
 * format characters such as zero-width and bidi ones (Cf), lone surrogates (Cs: they have no
 * UTF-8), private use (Co), unassigned (Cn: Unicode keeps the normal form stable only for assigned
 * ones), line and paragraph separators.
 */
const FORBIDDEN = /[|\p{C}\p{Zl}\p{Zp}]/u;

const MAC_PAIRS = /^[0-9a-f]{2}([:.-]?)[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/;
const MAC_FOURS = /^[0-9a-f]{4}([:.-])[0-9a-f]{4}\1[0-9a-f]{4}$/;
const GPU_ID = /^(?:[0-9]|1[0-5])$/;

const utf8 = new TextEncoder();

/**
 * Brings a tuple into canonical form: Unicode NFC, trimmed, lower case by Unicode's default mapping
 * (no locale: the Turkish I is no special case), 1-255 bytes of UTF-8 each; the MAC without
 * separators.
 *
 * @throws CooeeError ERR_AGENT_ID_TUPLE with details field and reason
 */
export function canonicalTuple(input: AgentTupleInput): AgentTuple {
  return {
    model: canonicalText('model', input.model),
    hostname: canonicalText('hostname', input.hostname),
    mac: canonicalMac(input.mac),
    gpu_id: canonicalGpuId(input.gpu_id),
  };
}

/**
 * True when the value has the four fields in canonical form; other fields are not looked at.
 * Canonical form follows the Unicode tables of the running program, so it is judged once, before
 * the log, never by a reducer.
 */
export function isCanonicalTuple(value: unknown): value is AgentTuple {
  if (typeof value !== 'object' || value === null) return false;
  const given = value as Partial<Record<keyof AgentTuple, unknown>>;
  const { model, hostname, mac, gpu_id } = given;
  if (typeof model !== 'string' || typeof hostname !== 'string') return false;
  if (typeof mac !== 'string' || typeof gpu_id !== 'string') return false;
  try {
    const tuple = canonicalTuple({ model, hostname, mac, gpu_id });
    const isSameName = tuple.model === model && tuple.hostname === hostname;
    return isSameName && tuple.mac === mac && tuple.gpu_id === gpu_id;
  } catch (error) {
    if (error instanceof CooeeError) return false;
    throw error;
  }
}

/** `model|hostname|mac|gpu_id`: unambiguous, since no field can hold a `|`. */
export function joinTuple(tuple: AgentTuple): string {
  return `${tuple.model}|${tuple.hostname}|${tuple.mac}|${tuple.gpu_id}`;
}

/** SHA-256 over the UTF-8 of the joined form, and the tiny hash out of it. */
export function hashTuple(tuple: AgentTuple, sha256: Hash): TupleHashes {
  const digest = sha256(utf8.encode(joinTuple(tuple)));
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { hash, tinyHash: tinyHashOf(hash) };
}

function canonicalText(field: keyof AgentTuple, raw: string): string {
  if (raw.length > RAW_LENGTH_MAX) throw refuse(field, 'too-long');
  // NFC once more at the end: lower-casing can bring forth pairs that compose (H and U+0331 give h
  // and U+0331, which is U+1E96).
  const text = raw.normalize('NFC').trim().toLowerCase().normalize('NFC');
  if (text.length === 0) throw refuse(field, 'empty');
  if (FORBIDDEN.test(text)) throw refuse(field, 'character');
  if (!isWithinUtf8(text, LIMITS.tupleFieldBytesMax)) throw refuse(field, 'too-long');
  return text;
}

function canonicalMac(raw: string): string {
  const text = canonicalText('mac', raw);
  if (!MAC_PAIRS.test(text) && !MAC_FOURS.test(text)) throw refuse('mac', 'format');
  return text.replaceAll(/[:.-]/g, '');
}

function canonicalGpuId(raw: string | number): string {
  const text = canonicalText('gpu_id', String(raw));
  if (!GPU_ID.test(text)) throw refuse('gpu_id', 'format');
  return text;
}

const REASONS = {
  'too-long': `is longer than ${LIMITS.tupleFieldBytesMax} bytes`,
  empty: 'is empty',
  character: 'has a character that is not allowed',
  format: 'has a wrong form',
} as const;

function refuse(field: keyof AgentTuple, reason: keyof typeof REASONS): CooeeError {
  return new CooeeError('ERR_AGENT_ID_TUPLE', `The ${field} ${REASONS[reason]}.`, {
    details: { field, reason },
  });
}
