import type { LogRecord } from '../../protocols/interface/index.ts';
import { damagedError, withIoError } from '../disk/io-error.ts';
import { decodeRecord, RECORD_TYPE } from './record-codec.ts';
import type { RecordIndex, RecordPlace } from './record-index.ts';
import { readFully, type SegmentFile } from './segment-file.ts';

/** Records that lie this close are read in one go, with what lies between. */
const GAP_BYTES_MAX = 4096;

/** What is to be read. */
export interface ReadRange {
  readonly from: number;
  readonly countMax: number;
  readonly bytesMax: number;
}

/** Records of one segment that are read in one go. */
interface Run {
  readonly segment: number;
  readonly start: number;
  end: number;
  readonly records: { readonly index: number; readonly place: RecordPlace }[];
}

/**
 * Reads entries by their places and checks each again: a disk can lose bits while the log is open.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED, ERR_STORAGE_IO
 */
export async function readRecords(
  index: RecordIndex,
  segments: ReadonlyMap<number, SegmentFile>,
  range: ReadRange,
): Promise<readonly LogRecord[]> {
  // All reads begin before the first await: closing a file waits for reads that have begun.
  const parts = await Promise.all(planRuns(index, range).map((run) => readRun(segments, run)));
  return parts.flat();
}

function planRuns(index: RecordIndex, range: ReadRange): Run[] {
  const runs: Run[] = [];
  let bytes = 0;
  for (let i = 0; i < range.countMax; i++) {
    const place = index.at(range.from + i);
    if (place === undefined || (i > 0 && bytes + place.size > range.bytesMax)) break;
    bytes += place.size;
    addToRuns(runs, range.from + i, place);
  }
  return runs;
}

function addToRuns(runs: Run[], index: number, place: RecordPlace): void {
  const { segment, offset, size } = place;
  const run = runs.at(-1);
  if (run?.segment === segment && offset - run.end <= GAP_BYTES_MAX) {
    run.end = offset + size;
    run.records.push({ index, place });
    return;
  }
  runs.push({ segment, start: offset, end: offset + size, records: [{ index, place }] });
}

async function readRun(
  segments: ReadonlyMap<number, SegmentFile>,
  run: Run,
): Promise<readonly LogRecord[]> {
  const file = segments.get(run.segment);
  if (file === undefined) throw new Error(`no segment ${run.segment}, though the index names it`);
  const bytes = await withIoError({ operation: 'reading the log', file: file.path }, () =>
    readFully(file.handle, run.end - run.start, run.start),
  );
  return run.records.map(({ index, place }) => {
    const at = place.offset - run.start;
    const record = decodeRecord(bytes, at, Math.min(bytes.length, at + place.size));
    if (record?.type !== RECORD_TYPE.entry || record.index !== index) {
      throw damagedError(file.path, place.offset, 'a damaged record');
    }
    return { index, term: record.term, bytes: record.payload };
  });
}
