import { CooeeError, isWithinUtf8, LIMITS } from '../interface/index.ts';
import {
  type Address,
  type AddressPattern,
  AGENT_ID_SCHEME,
  type AgentIdAddress,
  ANY,
  type RecordAddress,
  SCHEME,
  type Temporal,
} from './address.ts';
import { parseTemporal } from './temporal.ts';

/**
 * What no address holds: spaces, controls, invisible and bidirectional format characters, lone
 * surrogates. A fixed list instead of Unicode categories, so that all programs of all years agree
 * on what an address is.
 */
const FORBIDDEN = new RegExp(
  `[${[
    '\\u0000-\\u0020\\u007f-\\u00a0', // controls, space, no-break space
    '\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000', // other spaces
    '\\u00ad\\u180e\\u200b-\\u200f\\u2060-\\u206f\\ufeff', // invisible
    '\\u061c\\u2028-\\u202e', // line separators, bidirectional
    '\\ud800-\\udfff', // surrogates that are no pair
    '\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}', // annotations, tags
  ].join('')}]`,
  'u',
);

const AGENT_ID_SYMBOL = /[0-9A-HJ-NP-TV-Za-hj-np-tv-zIiOo-]/;
const TOKEN_LENGTHS = [5, 8];
const TINY_HASH_LENGTH = 10;

/** The parts of `agent:role@project:task/temporal/path` as they stand in the text. */
interface Parts {
  readonly agent: string;
  readonly role: string | null;
  readonly project: string;
  readonly task: string;
  readonly temporal: string;
  readonly temporalAt: number;
  readonly path: string;
  readonly pathAt: number;
}

/**
 * Reads an address. Case is kept; nothing is decoded (a `%` is a `%`).
 *
 * @throws CooeeError ERR_UCXL_SYNTAX, ERR_UCXL_TEMPORAL with details.position (UTF-16 index in the
 *   text)
 */
export function parseAddress(text: string): Address {
  checkText(text);
  if (isShortForm(text)) return parseShortForm(text);
  const parts = split(text);
  const path = parsePath(parts, false);
  return { kind: 'record', ...names(parts), temporal: temporalOf(parts), path };
}

/**
 * Reads a pattern: an address in which `any` as agent, role, project, task or temporal part matches
 * all, and a path that ends in `*` matches every path that begins so.
 *
 * @throws CooeeError ERR_UCXL_SYNTAX, ERR_UCXL_TEMPORAL with details.position (UTF-16 index in the
 *   text)
 */
export function parsePattern(text: string): AddressPattern {
  checkText(text);
  if (isShortForm(text)) return parseShortForm(text);
  const parts = split(text);
  const isPrefix = parts.path.endsWith('*');
  const path = parsePath(parts, isPrefix);
  const temporal = parts.temporal === ANY ? null : temporalOf(parts);
  return { kind: 'record', ...names(parts), temporal, path, isPrefix };
}

function checkText(text: string): void {
  const bytesMax = LIMITS.addressBytesMax;
  if (!isWithinUtf8(text, bytesMax)) {
    const position = Math.min(text.length, bytesMax);
    throw syntax(position, `An address has at most ${bytesMax} bytes.`);
  }
  if (!text.startsWith(SCHEME)) throw syntax(0, `An address begins with ${SCHEME}`);
  const forbiddenAt = text.search(FORBIDDEN);
  if (forbiddenAt >= 0)
    throw syntax(forbiddenAt, 'An address has no spaces or control characters.');
}

/**
 * `ucxl://agentid:x@project:task/…` is the record of an agent that happens to be called agentid.
 */
function isShortForm(text: string): boolean {
  return text.startsWith(AGENT_ID_SCHEME) && !authorityOf(text).includes('@');
}

function parseShortForm(text: string): AgentIdAddress {
  const typed = text.slice(AGENT_ID_SCHEME.length);
  for (let at = 0; at < typed.length; at += 1) {
    if (AGENT_ID_SYMBOL.test(typed.charAt(at))) continue;
    throw syntax(AGENT_ID_SCHEME.length + at, 'An agent id has the symbols 0-9 and A-Z without U.');
  }
  const upper = typed.replaceAll('-', '').toUpperCase();
  const id = upper.replaceAll(/[IL]/g, '1').replaceAll('O', '0');
  if (TOKEN_LENGTHS.includes(id.length)) return { kind: 'agentid', form: 'token', id };
  if (id.length === TINY_HASH_LENGTH) return { kind: 'agentid', form: 'tiny-hash', id };
  throw syntax(text.length, 'An agent id has 5 or 8 symbols (token) or 10 (tiny hash).');
}

function authorityOf(text: string): string {
  const end = text.indexOf('/', SCHEME.length);
  return text.slice(SCHEME.length, end < 0 ? text.length : end);
}

function split(text: string): Parts {
  const authority = authorityOf(text);
  const start = SCHEME.length;
  const end = start + authority.length;
  const at = authority.indexOf('@');
  if (at < 0) throw syntax(end, 'An address has an @ before its project.');
  const [agent, role] = pair(authority.slice(0, at), start);
  const [project, task] = pair(authority.slice(at + 1), start + at + 1);
  if (task === null) throw syntax(end, 'An address has a :task after its project.');
  if (end === text.length) throw syntax(end, 'An address has a temporal part, such as /#/');
  const temporalAt = end + 1;
  const slash = text.indexOf('/', temporalAt);
  const temporalEnd = slash < 0 ? text.length : slash;
  const pathAt = Math.min(temporalEnd + 1, text.length);
  const temporal = text.slice(temporalAt, temporalEnd);
  return { agent, role, project, task, temporal, temporalAt, path: text.slice(pathAt), pathAt };
}

/** `a` or `a:b` at `start` of the whole text, both checked. */
function pair(text: string, start: number): [string, string | null] {
  const colon = text.indexOf(':');
  const first = colon < 0 ? text : text.slice(0, colon);
  checkName(first, start);
  if (colon < 0) return [first, null];
  const second = text.slice(colon + 1);
  checkName(second, start + colon + 1);
  return [first, second];
}

function checkName(name: string, start: number): void {
  if (name.length === 0) throw syntax(start, 'A name in an address is not empty.');
  const badAt = name.search(/[:@*]/);
  if (badAt >= 0) throw syntax(start + badAt, 'A name in an address has no : @ * or /.');
}

function names(parts: Parts): Pick<RecordAddress, 'agent' | 'role' | 'project' | 'task'> {
  return { agent: parts.agent, role: parts.role, project: parts.project, task: parts.task };
}

function temporalOf(parts: Parts): Temporal {
  const temporal = parseTemporal(parts.temporal);
  if (temporal !== null) return temporal;
  throw new CooeeError('ERR_UCXL_TEMPORAL', undefined, {
    details: { position: parts.temporalAt },
  });
}

/** The checked path; of a prefix the part before its `*`. */
function parsePath(parts: Parts, isPrefix: boolean): string {
  const path = isPrefix ? parts.path.slice(0, -1) : parts.path;
  const starAt = path.indexOf('*');
  if (starAt >= 0)
    throw syntax(parts.pathAt + starAt, 'Only a pattern has a *, as its last character.');
  if (path.length === 0) return path;
  const segments = path.split('/');
  // What stands before the * is the beginning of a segment, so anything goes, also nothing.
  const whole = isPrefix ? segments.slice(0, -1) : segments;
  let position = parts.pathAt;
  for (const segment of whole) {
    if (segment === '' || segment === '.' || segment === '..') {
      throw syntax(position, 'A path segment is not empty, and neither "." nor ".."');
    }
    position += segment.length + 1;
  }
  return path;
}

function syntax(position: number, message: string): CooeeError {
  return new CooeeError('ERR_UCXL_SYNTAX', message, { details: { position } });
}
