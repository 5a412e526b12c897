import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CooeeError, type Logger } from '../../protocols/interface/index.ts';
import { damagedError, withIoError } from '../disk/io-error.ts';
import { LogState } from './log-state.ts';
import {
  decodeSegmentHeader,
  LOG_FORMAT_VERSION,
  parseSegmentFileName,
  SEGMENT_HEADER_BYTES,
  segmentFileName,
} from './segment-codec.ts';
import {
  createSegment,
  readFully,
  type SegmentFile,
  type SegmentFileInit,
  syncDirectory,
  UNFINISHED_SUFFIX,
  writeFully,
  zeroFill,
} from './segment-file.ts';
import { type BatchFound, findBatch } from './tear-rules.ts';

/** What opening a log needs. */
export interface RecoverInit extends SegmentFileInit {
  /** Size of the first segment file, when there is none yet. */
  readonly segmentBytes: number;
  readonly logger: Logger;
}

/** A log as it was found, and made durable, on the disk. */
export interface RecoveredLog {
  /** Oldest first; the last one is written to. */
  readonly segments: readonly SegmentFile[];
  readonly state: LogState;
  /** Offset of the next batch in the last segment. */
  readonly end: number;
  /** Sequence of the next batch. */
  readonly sequence: number;
  readonly tornBytes: number;
}

/** Where the replay of a segment ended. */
interface ReplayEnd {
  readonly offset: number;
  readonly sequence: number;
  /** Where the last whole batch began; the end when there is none. */
  readonly lastBatchAt: number;
  readonly tornEnd: number | null;
}

/**
 * Opens the segment files of a directory, replays them, cuts a torn tail, and makes what it found
 * durable: a batch that was written but never synced (the process died in between, or fdatasync
 * failed) is written and synced again before anybody may build on it.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED, ERR_STORAGE_FORMAT_NEWER, ERR_STORAGE_DISK_FULL,
 * ERR_STORAGE_IO
 */
export async function recoverLog(init: RecoverInit): Promise<RecoveredLog> {
  const numbers = await withIoError(
    { operation: 'listing the log directory', file: init.directory },
    () => listSegments(init.directory),
  );
  const segments: SegmentFile[] = [];
  try {
    for (const number of numbers) segments.push(await openSegment(init.directory, number));
    if (segments.length === 0) segments.push(await createFirst(init));
    return await replay(init, segments);
  } catch (error) {
    for (const { handle } of segments) await handle.close().catch(() => undefined);
    throw error;
  }
}

async function listSegments(directory: string): Promise<number[]> {
  const created = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (created !== undefined) await syncParents(directory, created);
  const names = await readdir(directory);
  const isUnfinished = (name: string): boolean => name.endsWith(`.log${UNFINISHED_SUFFIX}`);
  for (const name of names.filter(isUnfinished)) await rm(join(directory, name));
  const numbers = names.map(parseSegmentFileName).filter((number) => number !== null);
  numbers.sort((a, b) => a - b);
  assertNoHole(directory, numbers);
  return numbers;
}

/** Names of new directories are durable only when the directories they stand in are synced. */
async function syncParents(directory: string, topmost: string): Promise<void> {
  for (let path = directory; ; path = dirname(path)) {
    const handle = await open(dirname(path), 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (path === topmost || path === dirname(path)) return;
  }
}

function assertNoHole(directory: string, numbers: readonly number[]): void {
  const first = numbers[0] ?? 1;
  for (const [i, number] of numbers.entries()) {
    if (number === first + i) continue;
    throw damagedError(join(directory, segmentFileName(first + i)), 0, 'a log segment is missing');
  }
}

function createFirst(init: RecoverInit): Promise<SegmentFile> {
  return createSegment(init, {
    version: LOG_FORMAT_VERSION,
    segment: 1,
    fileBytes: init.segmentBytes,
    firstSequence: 1,
    baseIndex: 0,
  });
}

async function openSegment(directory: string, number: number): Promise<SegmentFile> {
  const path = join(directory, segmentFileName(number));
  return await withIoError({ operation: 'opening a log segment', file: path }, async () => {
    const handle = await open(path, 'r+');
    try {
      const { size } = await handle.stat();
      const found = decodeSegmentHeader(await readFully(handle, SEGMENT_HEADER_BYTES, 0));
      if (found.kind === 'newer') throw newerError(path, found.version);
      if (found.kind === 'damaged') throw damagedError(path, 0, 'a damaged segment header');
      const { header } = found;
      if (header.segment !== number) throw damagedError(path, 0, 'another segment');
      if (header.fileBytes !== size) throw damagedError(path, size, 'a wrong file size');
      return { header, path, handle };
    } catch (error) {
      await handle.close();
      throw error;
    }
  });
}

async function replay(init: RecoverInit, segments: SegmentFile[]): Promise<RecoveredLog> {
  const state = new LogState();
  state.start((segments[0]?.header.baseIndex ?? 0) + 1);
  let end: ReplayEnd | null = null;
  let tornBytes = 0;
  for (const [i, segment] of segments.entries()) {
    const bytes = await withIoError({ operation: 'reading the log', file: segment.path }, () =>
      readFully(segment.handle, segment.header.fileBytes, 0),
    );
    assertContinues(segment, state);
    end = replaySegment(segment, { bytes, state, next: segments[i + 1] });
    if (i === segments.length - 1) tornBytes = await makeDurable(init, { segment, bytes, end });
  }
  await syncDirectory(init);
  assertNothingMissing(segments, state);
  const { offset, sequence } = end ?? { offset: SEGMENT_HEADER_BYTES, sequence: 1 };
  return { segments, state, end: offset, sequence, tornBytes };
}

function assertContinues(segment: SegmentFile, state: LogState): void {
  if (segment.header.baseIndex !== state.index.last) {
    throw damagedError(segment.path, 0, 'a segment that does not follow the one before');
  }
}

/**
 * Entries that were never compacted must be there: a lost oldest segment is damage, not compaction.
 */
function assertNothingMissing(segments: readonly SegmentFile[], state: LogState): void {
  const oldest = segments[0];
  if (oldest === undefined || state.index.first <= state.floor) return;
  throw damagedError(oldest.path, 0, `entries from ${state.floor} on are missing before what is`);
}

/**
 * Replays one segment. The segment after it names the sequence that it begins with, so that all
 * batches of an older one must be there and what lies behind them is of no meaning.
 */
function replaySegment(
  segment: SegmentFile,
  on: { bytes: Uint8Array; state: LogState; next: SegmentFile | undefined },
): ReplayEnd {
  const { header, path } = segment;
  let offset = SEGMENT_HEADER_BYTES;
  let lastBatchAt = offset;
  let sequence = header.firstSequence;
  let tornEnd: number | null = null;
  while (on.next === undefined || sequence < on.next.header.firstSequence) {
    const expected = { segment: header.segment, sequence };
    const found: BatchFound = findBatch(on.bytes, offset, expected);
    if (found.kind === 'damaged') throw damagedError(path, found.offset, 'a damaged record');
    if (found.kind !== 'batch') {
      if (on.next !== undefined) throw damagedError(path, offset, 'a missing batch');
      tornEnd = found.kind === 'torn' ? found.end : null;
      break;
    }
    for (const placed of found.records) {
      if (on.state.apply(placed, header.segment)) continue;
      throw damagedError(path, placed.offset, 'an entry that does not follow');
    }
    lastBatchAt = offset;
    offset += found.size;
    sequence++;
  }
  return { offset, sequence, lastBatchAt, tornEnd };
}

/** Cuts the torn tail and writes the last batch again; returns the bytes that were cut. */
async function makeDurable(
  init: RecoverInit,
  last: { segment: SegmentFile; bytes: Uint8Array; end: ReplayEnd },
): Promise<number> {
  const { handle, path } = last.segment;
  const { offset, lastBatchAt, tornEnd } = last.end;
  await withIoError({ operation: 'repairing the log', file: path }, async () => {
    init.faults.hit('log:repair');
    if (tornEnd !== null) await zeroFill(handle, offset, tornEnd);
    await writeFully(handle, last.bytes.subarray(lastBatchAt, offset), lastBatchAt);
  });
  await withIoError({ operation: 'syncing the log', file: path, isFatal: true }, () =>
    handle.datasync(),
  );
  if (tornEnd === null) return 0;
  const tornBytes = tornEnd - offset;
  init.logger.warn({ file: path, offset, tornBytes }, 'cut an unfinished write off the log');
  return tornBytes;
}

function newerError(file: string, version: number): CooeeError {
  const message = `${file} has log format ${version}; this program knows ${LOG_FORMAT_VERSION}`;
  return new CooeeError('ERR_STORAGE_FORMAT_NEWER', message, {
    details: { file, found: version, supported: LOG_FORMAT_VERSION },
  });
}
