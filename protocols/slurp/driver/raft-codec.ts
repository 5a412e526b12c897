import { CooeeError, LIMITS } from '../../interface/index.ts';
import type { RaftMessage } from '../../raft/index.ts';
import { decodeCanonical, encodeCanonical, TIME_MS_MAX } from '../../wire/index.ts';

/** The protocol by which voters and learners speak Raft. */
export const raftProtocol = (mesh: string): string => `/cooee/${mesh}/raft/1`;

/** Entries of one append: what fits into a frame of the stream. */
export const APPEND_BYTES_MAX = LIMITS.streamMessageBytesMax - 32 * 1024;

/** A start of a voter, as it introduces itself before anything it says counts. */
export interface Hello {
  readonly boot: number;
  readonly bootNonce: string;
  /** Its hard state's term, and the end of its log: what it can be measured by. */
  readonly term: number;
  readonly lastIndex: number;
  /** It knows that it lost what it had promised, and asks to be a learner first. */
  readonly hasLostState: boolean;
  /** Id of the recovery that began its epoch; empty in the first one. */
  readonly epoch: string;
}

/** What goes over the link of two voters. */
export type LinkMessage =
  | {
      readonly kind: 'raft';
      readonly message: RaftMessage;
      /** Of an `append`: the entries' bytes. */
      readonly entries: readonly Uint8Array[];
      /** The sender's clock, milliseconds since 1970: for the agreed time. */
      readonly timeMs: number;
    }
  | { readonly kind: 'hello'; readonly hello: Hello; readonly isAnswer: boolean }
  /** The hello was not believed: nothing of that peer counts here. */
  | {
      readonly kind: 'refused';
      readonly reason: RefusalReason;
      /** A signed head that shows what the peer once knew; empty when there is none. */
      readonly evidence: Uint8Array;
    };

/** Why a voter is not listened to. */
export type RefusalReason = (typeof REASONS)[number];

const REASONS = ['not-configured', 'stale-start', 'lost-state'] as const;

// The position is the number on the wire: append-only.
const TYPES = [
  'pre-vote',
  'vote',
  'pre-vote-answer',
  'vote-answer',
  'append',
  'append-answer',
  'heartbeat',
  'heartbeat-answer',
  'snapshot',
  'timeout-now',
] as const satisfies readonly RaftMessage['type'][];

const HELLO = 100;
const REFUSED = 101;
const NONCE_MAX = 64;
const EPOCH_LENGTH_MAX = 64;
const EVIDENCE_BYTES_MAX = 8 * 1024;

/** A message of the core, as an array: `[1, type, term, timeMs, ...]`. */
export function encodeRaft(
  message: RaftMessage,
  entries: readonly Uint8Array[],
  timeMs: number,
): Uint8Array {
  const type = TYPES.indexOf(message.type);
  return encodeCanonical([1, type, message.term, timeMs, ...fieldsOf(message, entries)]);
}

/** @param isAnswer the other side need not introduce itself again */
export function encodeHello(hello: Hello, isAnswer: boolean): Uint8Array {
  const { boot, bootNonce, term, lastIndex, hasLostState, epoch } = hello;
  // Left out in the first epoch, as those say it who do not know of others.
  const last = epoch === '' ? [] : [epoch];
  const log = [term, lastIndex, hasLostState, ...last];
  return encodeCanonical([1, HELLO, isAnswer, boot, bootNonce, ...log]);
}

export function encodeRefused(reason: RefusalReason, evidence: Uint8Array): Uint8Array {
  return encodeCanonical([1, REFUSED, REASONS.indexOf(reason), evidence]);
}

/**
 * @param ends the peer that the link proves, and this node
 * @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION
 */
export function decodeLinkMessage(
  bytes: Uint8Array,
  ends: { readonly from: string; readonly to: string },
): LinkMessage {
  const list = decodeCanonical(bytes, LIMITS.streamMessageBytesMax);
  if (!Array.isArray(list)) throw malformed('no list');
  const fields = new Fields(list);
  const version = fields.count();
  if (version > 1) throw new CooeeError('ERR_WIRE_VERSION', `version ${version} is not known`);
  if (version !== 1) throw malformed('a version');
  const type = fields.count();
  const message =
    type === HELLO
      ? readHello(fields)
      : type === REFUSED
        ? readRefused(fields)
        : readRaft(fields, TYPES[type], ends);
  fields.end();
  return message;
}

function fieldsOf(message: RaftMessage, entries: readonly Uint8Array[]): readonly unknown[] {
  switch (message.type) {
    case 'pre-vote':
    case 'vote':
      return [message.lastIndex, message.lastTerm, message.isTransfer];
    case 'pre-vote-answer':
    case 'vote-answer':
      return [message.isGranted];
    case 'append':
      return [
        ...[message.prevIndex, message.prevTerm, message.commit, entries],
        message.acknowledged ?? 0,
      ];
    case 'append-answer':
      return [
        ...[message.index, message.isRefused, message.hintTerm, message.lastIndex],
        message.acknowledged ?? 0,
      ];
    case 'heartbeat':
      return [message.commit, message.read];
    case 'heartbeat-answer':
      return [message.read];
    case 'snapshot':
      return [message.index, message.indexTerm];
    case 'timeout-now':
      return [];
  }
}

function readRaft(
  fields: Fields,
  type: RaftMessage['type'] | undefined,
  ends: { readonly from: string; readonly to: string },
): LinkMessage {
  if (type === undefined) throw malformed('an unknown type');
  const term = fields.count();
  const timeMs = fields.count();
  // Beyond it no entry could be dated.
  if (timeMs > TIME_MS_MAX) throw malformed('a time');
  const { body, entries } = readBody(fields, type);
  const message = { ...ends, term, ...body } as RaftMessage;
  return { kind: 'raft', message, entries, timeMs };
}

type Body = Omit<RaftMessage, 'from' | 'to' | 'term'>;

function readBody(
  fields: Fields,
  type: RaftMessage['type'],
): { readonly body: Body; readonly entries: readonly Uint8Array[] } {
  const alone = (body: object): { body: Body; entries: readonly Uint8Array[] } => ({
    body: { type, ...body },
    entries: [],
  });
  switch (type) {
    case 'pre-vote':
    case 'vote':
      return alone({
        lastIndex: fields.count(),
        lastTerm: fields.count(),
        isTransfer: fields.flag(),
      });
    case 'pre-vote-answer':
    case 'vote-answer':
      return alone({ isGranted: fields.flag() });
    case 'append': {
      const place = { prevIndex: fields.count(), prevTerm: fields.count() };
      const commit = fields.count();
      const entries = fields.byteStrings(APPEND_BYTES_MAX);
      const body = { type, ...place, count: entries.length, commit, acknowledged: fields.count() };
      return { body: body as Body, entries };
    }
    case 'append-answer':
      return alone({
        index: fields.count(),
        isRefused: fields.flag(),
        hintTerm: fields.count(),
        lastIndex: fields.count(),
        acknowledged: fields.count(),
      });
    case 'heartbeat':
      return alone({ commit: fields.count(), read: fields.count() });
    case 'heartbeat-answer':
      return alone({ read: fields.count() });
    case 'snapshot':
      return alone({ index: fields.count(), indexTerm: fields.count() });
    case 'timeout-now':
      return alone({});
  }
}

function readHello(fields: Fields): LinkMessage {
  const isAnswer = fields.flag();
  const boot = fields.count();
  const bootNonce = fields.text(NONCE_MAX);
  const log = { term: fields.count(), lastIndex: fields.count() };
  const hasLostState = fields.flag();
  const epoch = fields.isAtEnd ? '' : fields.text(EPOCH_LENGTH_MAX);
  const hello = { boot, bootNonce, ...log, hasLostState, epoch };
  return { kind: 'hello', isAnswer, hello };
}

function readRefused(fields: Fields): LinkMessage {
  const reason = REASONS[fields.count()];
  if (reason === undefined) throw malformed('an unknown reason');
  return { kind: 'refused', reason, evidence: fields.byteString(EVIDENCE_BYTES_MAX) };
}

/** Reads the fields of a message one after the other; a wrong one is the end of it. */
class Fields {
  readonly #list: readonly unknown[];
  #at = 0;

  constructor(list: readonly unknown[]) {
    this.#list = list;
  }

  count(): number {
    const value = this.#next();
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw malformed('a number');
  }

  flag(): boolean {
    const value = this.#next();
    if (typeof value === 'boolean') return value;
    throw malformed('a flag');
  }

  text(lengthMax: number): string {
    const value = this.#next();
    if (typeof value === 'string' && value.length <= lengthMax) return value;
    throw malformed('a text');
  }

  byteString(bytesMax: number): Uint8Array {
    return asBytes(this.#next(), bytesMax);
  }

  byteStrings(bytesMax: number): readonly Uint8Array[] {
    const value = this.#next();
    if (!Array.isArray(value)) throw malformed('a list of entries');
    return value.map((it) => asBytes(it, bytesMax));
  }

  get isAtEnd(): boolean {
    return this.#at === this.#list.length;
  }

  end(): void {
    if (this.#at !== this.#list.length) throw malformed('fields too many');
  }

  #next(): unknown {
    if (this.#at >= this.#list.length) throw malformed('fields too few');
    return this.#list[this.#at++];
  }
}

function asBytes(value: unknown, bytesMax: number): Uint8Array {
  if (value instanceof Uint8Array && value.length <= bytesMax) return value;
  throw malformed('a byte string');
}

function malformed(what: string): CooeeError {
  return new CooeeError('ERR_WIRE_MALFORMED', `a message between voters: ${what}`);
}
