import {
  createTokenCodec,
  didYouMean,
  parseTinyHash,
  tinyHashOf,
} from '../../protocols/agent-id/index.ts';
import {
  type AgentRecord,
  CooeeError,
  type Hash,
  isCooeeError,
  type StateReader,
} from '../../protocols/interface/index.ts';
import { enrolRecordOf, parseAddress } from '../../protocols/ucxl/index.ts';

const HASH = /^[0-9a-fA-F]{64}$/;
const NUMBER = /^(?:#|number:)(\d{1,8})$/;

/**
 * What a reference names: one agent, or all agents of a number or of a tiny hash that two share.
 */
export type Resolved =
  | { readonly kind: 'agent'; readonly record: AgentRecord }
  | { readonly kind: 'agents'; readonly records: readonly AgentRecord[] };

/**
 * Resolves a token, hash, tiny hash, `#NUMBER` or address out of the replicated state.
 *
 * @throws CooeeError ERR_API_NOT_FOUND; the codecs' errors for what is no reference at all
 */
export function resolveAgent(state: StateReader, sha256: Hash, ref: string): Resolved {
  const number = NUMBER.exec(ref)?.[1];
  if (number !== undefined) return ofNumber(state, Number(number));
  if (HASH.test(ref)) return ofToken(state, state.get('hash', ref.toLowerCase()));
  if (/^ucxl:\/\//i.test(ref)) return ofAddress(state, sha256, ref);
  // Ten symbols are a tiny hash; tokens have five or eight.
  if (ref.replaceAll('-', '').length === 10) return ofTiny(state, parseTinyHash(ref));
  return ofTypedToken(state, sha256, ref);
}

/** Where the DHT has what a reference names; a whole hash stands under its tiny one. */
export type AgentName =
  | { readonly kind: 'token'; readonly token: string; readonly hash?: undefined }
  | { readonly kind: 'hash'; readonly tinyHash: string; readonly hash?: string };

/** The name of one agent in the DHT; undefined for a number, which names several. */
export function dhtNameOf(state: StateReader, sha256: Hash, ref: string): AgentName | undefined {
  if (NUMBER.test(ref)) return undefined;
  const hash = HASH.test(ref) ? ref.toLowerCase() : undefined;
  if (hash !== undefined) return { kind: 'hash', tinyHash: tinyHashOf(hash), hash };
  if (/^ucxl:\/\//i.test(ref)) {
    const address = parseAddress(ref);
    if (address.kind === 'agentid') return dhtNameOf(state, sha256, address.id);
    const record = enrolRecordOf(address);
    if (record?.kind !== 'enrolment') return undefined;
    return { kind: 'hash', tinyHash: record.tinyHash };
  }
  if (ref.replaceAll('-', '').length === 10) return { kind: 'hash', tinyHash: parseTinyHash(ref) };
  return { kind: 'token', token: canonicalToken(state, sha256, ref) };
}

/**
 * The one canonical spelling of a token.
 *
 * @throws CooeeError ERR_AGENT_ID_*, with the granted tokens that may have been meant
 */
export function canonicalToken(state: StateReader, sha256: Hash, text: string): string {
  const codec = createTokenCodec(sha256);
  try {
    return codec.encodeToken(codec.decodeToken(text));
  } catch (error) {
    throw isCooeeError(error) ? withOffer(state, text, error) : error;
  }
}

function ofTypedToken(state: StateReader, sha256: Hash, text: string): Resolved {
  const token = canonicalToken(state, sha256, text);
  try {
    return ofToken(state, token);
  } catch (error) {
    throw isCooeeError(error) ? withOffer(state, token, error) : error;
  }
}

function withOffer(state: StateReader, text: string, error: CooeeError): CooeeError {
  const near = didYouMean(text, (token) => state.get('agent', token) !== undefined);
  if (near.length === 0) return error;
  const { code, message, details } = error;
  return new CooeeError(code, message, {
    cause: error,
    details: { ...details, didYouMean: near.join(' ') },
    remedy: `Did you mean ${near.join(' or ')}?`,
  });
}

function ofAddress(state: StateReader, sha256: Hash, ref: string): Resolved {
  const address = parseAddress(ref);
  if (address.kind === 'agentid') {
    return address.form === 'token'
      ? ofTypedToken(state, sha256, address.id)
      : ofTiny(state, parseTinyHash(address.id));
  }
  const record = enrolRecordOf(address);
  if (record === null) throw new CooeeError('ERR_API_NOT_FOUND', 'no agent has that address');
  if (record.kind === 'enrolment') return ofTiny(state, record.tinyHash);
  if (record.kind === 'number') return ofNumber(state, record.number);
  const slots = state.get('number', String(record.number))?.slots;
  return ofToken(state, slots?.[String(record.slot)]);
}

function ofToken(state: StateReader, token: string | undefined): Resolved {
  const record = token === undefined ? undefined : state.get('agent', token);
  if (record === undefined) throw new CooeeError('ERR_API_NOT_FOUND', 'no such agent');
  return { kind: 'agent', record };
}

function ofTiny(state: StateReader, tinyHash: string): Resolved {
  const tokens = state.get('tiny', tinyHash) ?? [];
  if (tokens.length === 1) return ofToken(state, tokens[0]);
  return some(state, tokens);
}

function ofNumber(state: StateReader, number: number): Resolved {
  return some(state, Object.values(state.get('number', String(number))?.slots ?? {}));
}

function some(state: StateReader, tokens: readonly string[]): Resolved {
  const records = tokens.flatMap((token) => state.get('agent', token) ?? []);
  if (records.length === 0) throw new CooeeError('ERR_API_NOT_FOUND', 'no such agent');
  return { kind: 'agents', records };
}
