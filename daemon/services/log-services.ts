import { CooeeError, LIMITS } from '../../protocols/interface/index.ts';
import {
  COMMAND_KINDS,
  type Command,
  decodeBatch,
  decodeEntry,
  fromBase64,
  toBase64,
  type VerifiedLog,
} from '../../protocols/slurp/index.ts';
import { assertFrontier } from '../../protocols/wire/index.ts';
import type { LogEntryView, LogView, ProofView, VerifyLogView } from '../api/routes/index.ts';
import type { LogQuery, VerifiedSoFar } from '../api/services.ts';
import type { Daemon } from '../daemon.ts';

/** Entries that one request looks at, whether or not they fit the filter. */
const SCAN_ENTRIES_MAX = 2_000;
/** Entries that are read at once. */
const READ_ENTRIES = 128;
/** About the bytes of entries in one answer. */
const PAGE_BYTES_MAX = 1024 * 1024;

/** The services about the log itself: reading, proving and verifying it. */
export class LogServices {
  readonly #daemon: Daemon;

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  /**
   * A page of the log.
   *
   * @throws CooeeError ERR_STORAGE_COMPACTED, ERR_STORAGE_*; ERR_API_QUERY for a kind that no log
   * has
   */
  async read(query: LogQuery): Promise<LogView> {
    if (query.kind !== undefined) checkKind(query.kind);
    const { meshLog } = this.#daemon.soundNode.parts;
    const { firstIndex } = meshLog.held;
    const lastIndex = meshLog.appliedIndex;
    const entries: LogEntryView[] = [];
    let at = query.from ?? firstIndex;
    const scanEnd = Math.min(lastIndex, at + SCAN_ENTRIES_MAX - 1);
    let bytes = 0;
    while (at <= scanEnd && entries.length < query.limit && bytes < PAGE_BYTES_MAX) {
      const countMax = Math.min(READ_ENTRIES, scanEnd - at + 1);
      for (const record of await meshLog.read(at, countMax, LIMITS.streamMessageBytesMax / 4)) {
        if (entries.length >= query.limit || bytes >= PAGE_BYTES_MAX) break;
        at = record.index + 1;
        const view = viewOf(record.bytes);
        if (!isWanted(view, query)) continue;
        entries.push(view);
        bytes += record.bytes.length;
      }
    }
    return { entries, next: at <= lastIndex ? at : null, firstIndex, lastIndex };
  }

  /** @throws CooeeError as ProofMaker.make */
  async proof(index: number, anchor: number): Promise<ProofView> {
    return await this.#daemon.soundNode.parts.proofs.make(index, anchor);
  }

  /** One step of a verification. @throws CooeeError as LogVerifier */
  async verify(soFar: VerifiedSoFar | undefined): Promise<VerifyLogView> {
    const { logVerifier } = this.#daemon.node.parts;
    const verified = soFar === undefined ? await logVerifier.begin() : verifiedOf(soFar);
    const { from, frontier, head, problem } = await logVerifier.step(verified);
    return {
      verified: { from, size: frontier.size, peaks: frontier.peaks.map(toBase64) },
      done: head !== undefined || problem !== undefined,
      ...(head === undefined
        ? {}
        : { head: { index: head.index, signatures: head.signatureCount } }),
      ...(problem === undefined ? {} : { problem }),
    };
  }
}

function verifiedOf({ from, size, peaks }: VerifiedSoFar): VerifiedLog {
  try {
    // What does not fit is the caller's: the disk was not looked at.
    return { from, frontier: assertFrontier({ size, peaks: peaks.map(fromBase64) }) };
  } catch (cause) {
    throw new CooeeError('ERR_API_BODY', 'verified is not that of an answer', {
      cause,
      details: { part: 'body', path: 'verified' },
    });
  }
}

function viewOf(bytes: Uint8Array): LogEntryView {
  const entry = decodeEntry(bytes);
  const { value: batch } = decodeBatch(entry.batch);
  return {
    index: entry.index,
    term: entry.term,
    time: new Date(entry.timeMs).toISOString(),
    origin: batch.origin,
    commands: batch.commands.map(commandView),
  };
}

function commandView({ id, kind, actor, timeMs, body }: Command): LogEntryView['commands'][number] {
  const time = new Date(timeMs).toISOString();
  return { id, kind, actor, time, body: jsonOf(body) };
}

function isWanted(view: LogEntryView, { actor, kind }: LogQuery): boolean {
  if (actor === undefined && kind === undefined) return true;
  return view.commands.some(
    (command) =>
      (actor === undefined || command.actor.peer === actor || command.actor.agent === actor) &&
      (kind === undefined || isOfKind(command.kind, kind)),
  );
}

function checkKind(kind: string): void {
  if (COMMAND_KINDS.some((known) => isOfKind(known, kind))) return;
  const family = COMMAND_KINDS.filter((known) => known.split('.')[0] === kind.split('.')[0]);
  const families = new Set(COMMAND_KINDS.map((known) => `${known.split('.')[0]}.*`));
  throw new CooeeError('ERR_API_QUERY', `No entry is of kind ${kind}.`, {
    details: { part: 'query', path: 'kind' },
    remedy: `There are: ${(family.length > 0 ? family : [...families]).join(', ')}`,
  });
}

function isOfKind(kind: string, wanted: string): boolean {
  return wanted.endsWith('.*') ? kind.startsWith(wanted.slice(0, -1)) : kind === wanted;
}

type Json = LogEntryView['commands'][number]['body'];

/** JSON of a canonical value: bytes become base64. */
function jsonOf(value: unknown): Json {
  if (value instanceof Uint8Array) return toBase64(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
  }
  return value as Json;
}
