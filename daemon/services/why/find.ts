import { createTokenCodec, parseTinyHash } from '../../../protocols/agent-id/index.ts';
import {
  CooeeError,
  calledKey,
  type Hash,
  isCooeeError,
  submittedKey,
} from '../../../protocols/interface/index.ts';
import {
  callRecordOf,
  formatAddress,
  memberRecordOf,
  parseAddress,
} from '../../../protocols/ucxl/index.ts';
import type { Caller } from '../../api/services.ts';
import type { NodeLife } from '../../mesh/node-life.ts';
import { resolveAgent } from '../resolve.ts';
import type { SubmissionServices } from '../submissions/submission-services.ts';
import { nearbyThings } from './near.ts';

/** One thing that can be asked about. */
export interface Found {
  readonly kind: 'peer' | 'agent' | 'call' | 'submission' | 'unknown';
  readonly id: string;
  /** What tells it from others, for lists. */
  readonly label: string;
}

/** Where it is looked for. */
export interface FindSource {
  readonly node: NodeLife;
  readonly submissions: SubmissionServices;
  readonly sha256: Hash;
  /** Who asks: strangers at the door are for the operator. */
  readonly rights: Caller['rights'];
}

const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;
const CID = /^bafyrei[a-z2-7]{52}$/;
const HASH_PART = /^[0-9a-f]{8,64}$/i;
/** What the ids of peers, and those of calls and submissions, have in common. */
const BEGINNINGS = ['12D3KooW', 'bafyrei'];
/** Shorter parts of ids say too little. */
const PART_LENGTH_MIN = 4;
/** Ids of the log that are looked through for a part, the newest first. */
const LOOKS_MAX = 500;
const FOUND_MAX = 16;
const WHAT_TO_GIVE =
  'Give a peer id or the name of a member, a token or hash, the id of a call or submission, ' +
  'an address, or at least four characters of either end of an id.';

/**
 * The things that a text may mean: first what it names as a whole, and only then what it is a part
 * of.
 *
 * @throws CooeeError ERR_API_NOT_FOUND when there is none; ERR_API_QUERY for a beginning that all
 * ids of a kind have; the codecs' for what is none of them
 */
export function find(source: FindSource, thing: string): readonly Found[] {
  if (/^ucxl:\/\//i.test(thing)) return ofAddress(source, thing);
  if (PEER_ID.test(thing)) return [peerOf(source, thing)];
  if (CID.test(thing)) return [ofCid(source, thing)];
  const named = members(source).filter(({ label }) => label === thing);
  if (named.length > 0) return named;
  const agents = agentsNamed(source, thing);
  if (agents.length > 0) return agents;
  const parts = ofPart(source, thing);
  if (parts.length > 0) return parts.slice(0, FOUND_MAX);
  const token = wellFormed(source, thing);
  if (token !== undefined) return [{ kind: 'agent', id: token, label: token }];
  if (isCommon(thing)) throw tooShort(thing);
  const near = nearbyThings(source.node.parts.state, thing);
  throw new CooeeError('ERR_API_NOT_FOUND', 'nothing of that name is known here', {
    ...(near.length === 0 ? {} : { details: { didYouMean: near.join(' ') } }),
    remedy: near.length === 0 ? WHAT_TO_GIVE : `Did you mean ${near.join(' or ')}?`,
  });
}

function ofAddress(source: FindSource, text: string): readonly Found[] {
  const address = parseAddress(text);
  const call = callRecordOf(address);
  if (call !== null) return [{ kind: 'call', id: call, label: call }];
  const peer = memberRecordOf(address);
  if (peer !== null) return [peerOf(source, peer)];
  if (address.kind === 'record') {
    const written = formatAddress(address);
    const atAddress = submissionAt(source, written);
    if (atAddress !== undefined) return [{ kind: 'submission', id: atAddress, label: written }];
  }
  const agents = agentsNamed(source, text);
  if (agents.length > 0) return agents;
  throw new CooeeError('ERR_API_NOT_FOUND', 'nothing of that address is known here', {
    remedy: 'It may be on another node still; cooee history ADDRESS lists what was committed.',
  });
}

/** What stands at an address, or waits for it here. */
function submissionAt({ node, submissions }: FindSource, address: string): string | undefined {
  const committed = node.parts.state.get('addressed', address)?.id;
  if (committed !== undefined) return committed;
  const query = { address, limit: 1 } as const;
  const [row] = [
    ...submissions.list(query).submissions,
    ...submissions.list({ ...query, state: 'refused' }).submissions,
  ];
  return row?.id;
}

function ofCid({ node, submissions }: FindSource, id: string): Found {
  if (submissions.row(id) !== undefined) return { kind: 'submission', id, label: id };
  const { state, outbox, seen } = node.parts;
  const isCall =
    state.get('call', id) !== undefined ||
    seen.calls.get(id) !== undefined ||
    [...outbox.undecided()].some((command) => command.id === id && command.kind === 'call.open');
  return { kind: isCall ? 'call' : 'unknown', id, label: id };
}

function agentsNamed({ node, sha256 }: FindSource, ref: string): readonly Found[] {
  try {
    const found = resolveAgent(node.parts.state, sha256, ref);
    const records = found.kind === 'agent' ? [found.record] : found.records;
    return records.map(({ token, model }) => ({ kind: 'agent', id: token, label: model }));
  } catch (error) {
    // No reference of an agent, or of none that is granted: it may be something else.
    if (isCooeeError(error)) return [];
    throw error;
  }
}

/** A token or a hash that is one, whether or not it was ever granted. */
function wellFormed({ sha256 }: FindSource, text: string): string | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  try {
    if (text.replaceAll('-', '').length === 10) return parseTinyHash(text);
    const codec = createTokenCodec(sha256);
    return codec.encodeToken(codec.decodeToken(text));
  } catch (error) {
    if (isCooeeError(error)) return undefined;
    throw error;
  }
}

function ofPart(source: FindSource, text: string): readonly Found[] {
  if (text.length < PART_LENGTH_MIN) return [];
  const fits = (id: string): boolean =>
    id.endsWith(text) || (id.startsWith(text) && !isCommon(text));
  const found = [...members(source), ...strangers(source), ...calls(source), ...handedIn(source)];
  const hashes = HASH_PART.test(text) ? hashesLike(source, text.toLowerCase()) : [];
  const unique = new Map(
    [...found.filter(({ id }) => fits(id)), ...hashes].map((it) => [it.id, it]),
  );
  return [...unique.values()];
}

/** All ids of a kind begin alike: a beginning must reach past that. */
function isCommon(text: string): boolean {
  return text.length >= PART_LENGTH_MIN && BEGINNINGS.some((all) => all.startsWith(text));
}

function tooShort(text: string): CooeeError {
  return new CooeeError('ERR_API_QUERY', `every id of its kind begins like ${text}`, {
    details: { part: 'query', path: 'thing' },
    remedy: 'Give more of it, or four characters or more of its end.',
  });
}

function members({ node }: FindSource): readonly Found[] {
  const entries = [...node.parts.state.entries('member')];
  return entries.map(([id, { name }]) => ({ kind: 'peer', id, label: name }));
}

/** Peers that knocked here and are no members. */
function strangers({ node, rights }: FindSource): readonly Found[] {
  if (rights !== 'operator') return [];
  const { seen, state } = node.parts;
  const ids = seen.door.peers.filter((peer) => state.get('member', peer) === undefined);
  return ids.map((id) => ({ kind: 'peer', id, label: 'turned away here' }));
}

function peerOf({ node }: FindSource, id: string): Found {
  return { kind: 'peer', id, label: node.parts.state.get('member', id)?.name ?? id };
}

function calls({ node }: FindSource): readonly Found[] {
  const { state, seen, outbox } = node.parts;
  const waiting = [...outbox.undecided()].filter(({ kind }) => kind === 'call.open');
  const ids = [...waiting.map(({ id }) => id), ...seen.calls.ids];
  const last = state.get('cursor', 'calls') ?? 0;
  for (let n = last; n > Math.max(0, last - LOOKS_MAX); n--) {
    const id = state.get('called', calledKey(n));
    if (id !== undefined) ids.push(id);
  }
  return ids.map((id) => ({ kind: 'call', id, label: 'a call' }));
}

function handedIn({ node, submissions }: FindSource): readonly Found[] {
  const { state, refusals } = node.parts;
  const waiting = submissions.list({ state: 'accepted', limit: 100 }).submissions;
  const relayed = submissions.list({ state: 'relayed', limit: 100 }).submissions;
  const ids = [...waiting, ...relayed, ...refusals.list()].map(({ id }) => id);
  const last = state.get('cursor', 'submissions') ?? 0;
  for (let n = last; n > Math.max(0, last - LOOKS_MAX); n--) {
    const id = state.get('submitted', submittedKey(n));
    if (id !== undefined) ids.push(id);
  }
  return ids.map((id) => ({ kind: 'submission', id, label: 'a submission' }));
}

function hashesLike({ node }: FindSource, text: string): readonly Found[] {
  const found: Found[] = [];
  for (const [token, { hash, model }] of node.parts.state.entries('agent')) {
    if (hash.startsWith(text)) found.push({ kind: 'agent', id: token, label: model });
  }
  return found;
}
