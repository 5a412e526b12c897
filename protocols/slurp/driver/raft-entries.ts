import { CooeeError, type LogRecord } from '../../interface/index.ts';
import type { Configuration, RaftEntry, RaftInit, Ready } from '../../raft/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { type Batch, decodeBatch, decodeEntry, type Entry, encodeEntry } from '../machine/codec.ts';
import { rememberEntry } from '../machine/decoded.ts';
import { changeBody, isLeaderBatch, recoverBody } from '../machine/leader-kinds.ts';
import { namedVoters } from '../recovery/recovery-link.ts';

/** A change of voters is one command with at most eighteen peer ids, or with a signed recovery. */
const CHANGE_BYTES_MAX = 8_192;
const READ_BYTES_MAX = 1024 * 1024;
const CHANGE_KIND = 'voter.change';
const RECOVER_KIND = 'mesh.recover';
/** Each with the place of the rarest letter in it. */
const KINDS = [CHANGE_KIND, RECOVER_KIND].map((kind) => ({
  bytes: new TextEncoder().encode(kind),
  dotAt: kind.indexOf('.'),
}));
const DOT = 0x2e;

/** What precedes the entries of an append. */
interface Place {
  /** The sender's term: no entry has a later one. */
  readonly term: number;
  readonly prevIndex: number;
  readonly prevTerm: number;
}

/** An entry of an append, for the core, and as it is in the log. */
export interface ReadEntry {
  readonly raft: RaftEntry;
  readonly entry: Entry;
}

/**
 * Takes the entries of an append apart, as far as the core needs it. Who signed them is not
 * checked.
 *
 * @returns with the agreed time of the last one, 0 when there is none
 * @throws CooeeError ERR_WIRE_*, ERR_SLURP_COMMAND: nothing of it may be used
 */
export function readEntries(
  list: readonly Uint8Array[],
  place: Place,
): { readonly read: readonly ReadEntry[]; readonly timeMs: number } {
  let { prevTerm } = place;
  let timeMs = 0;
  const read = list.map((bytes, i): ReadEntry => {
    const entry = decodeEntry(bytes);
    rememberEntry(bytes, { entry });
    const index = place.prevIndex + 1 + i;
    if (entry.index !== index || entry.term < prevTerm || entry.term > place.term) {
      throw new CooeeError('ERR_WIRE_MALFORMED', `entry ${entry.index} where ${index} was due`);
    }
    prevTerm = entry.term;
    timeMs = entry.timeMs;
    const { term } = entry;
    return { raft: { index, term, bytes, ...configurationIn(entry.batch, term) }, entry };
  });
  return { read, timeMs };
}

/**
 * The last entry that the log holds already, and keeps, when what the core asks for is written: up
 * to there what is committed can be applied while the disk writes. No bound when nothing is.
 */
export function heldBefore({ truncateFrom, entries: [first] }: Ready): number {
  return Math.min(truncateFrom ?? Infinity, first?.index ?? Infinity) - 1;
}

/** Entries for batches, behind an index. */
export function makeEntries(
  batches: readonly { readonly bytes: Uint8Array; readonly batch: Batch }[],
  place: { readonly prevIndex: number; readonly term: number; readonly timeMs: number },
): readonly RaftEntry[] {
  const { term, timeMs } = place;
  return batches.map(({ bytes: batchBytes, batch }, i) => {
    const index = place.prevIndex + 1 + i;
    const entry = { v: 1 as const, index, term, timeMs, batch: batchBytes };
    const bytes = encodeEntry(entry);
    rememberEntry(bytes, { entry, batch });
    return { index, term, bytes, ...configurationOf(batch, term) };
  });
}

/**
 * The configuration that an entry brings. Nearly none does, so its bytes are searched for the
 * kind's name before they are decoded.
 */
function configurationIn(
  bytes: Uint8Array,
  term: number,
): { readonly configuration?: Configuration } {
  if (bytes.length > CHANGE_BYTES_MAX) return {};
  if (!namesChange(bytes)) return {};
  return configurationOf(decodeBatch(bytes).value, term);
}

function namesChange(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(DOT); at >= 0; at = bytes.indexOf(DOT, at + 1)) {
    for (const { bytes: name, dotAt } of KINDS) {
      if (name.every((byte, i) => bytes[at - dotAt + i] === byte)) return true;
    }
  }
  return false;
}

function configurationOf(batch: Batch, term: number): { readonly configuration?: Configuration } {
  const [command] = batch.commands;
  if (!isLeaderBatch(batch)) return {};
  if (command?.kind === RECOVER_KIND) return recoveredConfiguration(command, term);
  if (command?.kind !== CHANGE_KIND) return {};
  const parsed = changeBody.safeParse(command.body);
  if (!parsed.success || parsed.data.term !== term) return {};
  const { voters, learners } = parsed.data;
  return { configuration: { voters, learners } };
}

/**
 * Whose signature it is was checked by who put it into the log, and is again when it is applied.
 */
function recoveredConfiguration(
  { body }: Batch['commands'][number],
  term: number,
): { readonly configuration?: Configuration } {
  const parsed = recoverBody.safeParse(body);
  if (!parsed.success || parsed.data.term !== term) return {};
  return { configuration: { voters: namedVoters(parsed.data.link), learners: [] } };
}

/**
 * Where a core begins: what is on the disk, all of it. A follower whose log ends below what the
 * core knows can only be helped with a snapshot, and nobody may have one that is as new: they are
 * up to 65,536 entries apart.
 *
 * @param snapshotTerm - term of the entry at an index that a snapshot here is of
 * @throws CooeeError ERR_STORAGE_*, ERR_WIRE_*
 */
export async function coreInitOf(
  meshLog: MeshLog,
  snapshotTerm?: (index: number) => number | undefined,
): Promise<{
  readonly init: Pick<
    RaftInit,
    'hardState' | 'base' | 'configuration' | 'configurationIndex' | 'log'
  >;
  readonly tailTimeMs: number;
}> {
  const { held, appliedIndex, appliedTerm } = meshLog;
  const { configuration, configurationIndex } = meshLog.configuration();
  const base = baseOf({ appliedIndex, appliedTerm, held }, snapshotTerm);
  const applied = termsOf(held, base.index + 1, Math.min(appliedIndex, held.lastIndex));
  const tail = await readTail(meshLog, base.index + applied.length + 1);
  const { term, vote, commit } = held.hardState;
  return {
    init: {
      hardState: {
        term: Math.max(term, meshLog.term),
        vote,
        commit: Math.max(commit, appliedIndex, base.index),
      },
      base,
      configuration,
      configurationIndex,
      log: [...applied, ...tail.entries],
    },
    tailTimeMs: tail.timeMs,
  };
}

/**
 * The first record held stands for what precedes it, unless what precedes it is known: a follower
 * may have a snapshot and nothing else, and goes on right behind that.
 */
function baseOf(
  known: Pick<MeshLog, 'appliedIndex' | 'appliedTerm' | 'held'>,
  snapshotTerm: (index: number) => number | undefined = () => undefined,
): RaftInit['base'] {
  const { appliedIndex, appliedTerm, held } = known;
  const first = held.firstIndex;
  if (first === 1) return { index: 0, term: 0 };
  const before = appliedIndex === first - 1 ? appliedTerm : snapshotTerm(first - 1);
  if (before !== undefined) return { index: first - 1, term: before };
  return { index: first, term: termAt(held, first) };
}

/** One object for all entries of a term: there may be hundreds of thousands of them. */
function termsOf(
  held: MeshLog['held'],
  from: number,
  to: number,
): readonly { readonly term: number }[] {
  const entries: { readonly term: number }[] = [];
  let entry = { term: 0 };
  for (let index = from; index <= to; index++) {
    const term = termAt(held, index);
    if (term !== entry.term) entry = { term };
    entries.push(entry);
  }
  return entries;
}

function termAt(held: MeshLog['held'], index: number): number {
  const term = held.termOf(index);
  if (term !== undefined) return term;
  throw new CooeeError('ERR_STORAGE_DAMAGED', 'the log lacks an entry', { details: { index } });
}

async function readTail(
  meshLog: MeshLog,
  from: number,
): Promise<{
  readonly entries: readonly { term: number; configuration?: Configuration }[];
  readonly timeMs: number;
}> {
  const entries: { term: number; configuration?: Configuration }[] = [];
  let { appliedTimeMs: timeMs } = meshLog;
  for (let next = from; next <= meshLog.held.lastIndex; ) {
    const records: readonly LogRecord[] = await meshLog.read(next, 256, READ_BYTES_MAX);
    for (const record of records) {
      const entry = decodeEntry(record.bytes);
      timeMs = entry.timeMs;
      entries.push({ term: record.term, ...configurationIn(entry.batch, entry.term) });
    }
    if (records.length === 0) termAt(meshLog.held, next);
    next += records.length;
  }
  return { entries, timeMs };
}
