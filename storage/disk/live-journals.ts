import { join } from 'node:path';
import { readBounded, readTextBounded } from '../durable-file.ts';
import { HEADER_BYTES, JOURNAL_BLOCK_BYTES, RECORD_TYPE } from './journal-reader.ts';

/** `CURRENT` holds the name of a manifest. */
const CURRENT_TEXT = /^(MANIFEST-\d+)\n$/;
const CURRENT_BYTES_MAX = 256;

/** One is begun at each opening, and gets some hundred bytes for each table. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

/** Each field of an edit begins with one of these; what follows it is told by the letters. */
const FIELDS: ReadonlyMap<number, string> = new Map([
  [1, 's'], // comparator
  [2, 'n'], // number of the first journal that counts
  [3, 'n'], // next number of a file
  [4, 'n'], // last sequence
  [5, 'ns'], // compact pointer
  [6, 'nn'], // file that is deleted
  [7, 'nnnss'], // file that is new
  [9, 'n'], // journal before; not used any more
]);
const JOURNAL_FIELD = 2;

/** What a store says of itself. */
export interface Manifest {
  /** Its file; undefined when there is none. */
  readonly name: string | undefined;
  /** 0 when it does not say. */
  readonly firstJournal: number;
}

/**
 * What LevelDB's manifest says is the first journal that counts: what older ones held is in tables,
 * and one that is still there (a loss of power may bring it back, without its end) is not read.
 * Whether the manifest is right is not looked at.
 *
 * @throws CooeeError ERR_STORAGE_IO; ERR_STORAGE_DAMAGED when a file is much too long
 */
export async function readManifest(directory: string): Promise<Manifest> {
  const current = await readTextBounded(join(directory, 'CURRENT'), CURRENT_BYTES_MAX);
  const name = CURRENT_TEXT.exec(current ?? '')?.[1];
  if (name === undefined) return { name, firstJournal: 0 };
  const bytes = await readBounded(join(directory, name), MANIFEST_BYTES_MAX);
  let firstJournal = 0;
  for (const edit of recordsOf(bytes ?? new Uint8Array())) {
    firstJournal = journalIn(edit) ?? firstJournal;
  }
  return { name: bytes && name, firstJournal };
}

/** The records of a journal up to its end, or up to the first that cannot be one. */
function* recordsOf(bytes: Uint8Array): Generator<Uint8Array> {
  let fragments: Uint8Array[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const left = JOURNAL_BLOCK_BYTES - (at % JOURNAL_BLOCK_BYTES);
    if (left < HEADER_BYTES) {
      at += left;
      continue;
    }
    const [low = 0, high = 0, type = 0] = bytes.subarray(at + 4, at + HEADER_BYTES);
    const end = at + HEADER_BYTES + (low | (high << 8));
    if (type === 0 || end > bytes.length) return;
    fragments.push(bytes.subarray(at + HEADER_BYTES, end));
    at = end;
    if (type !== RECORD_TYPE.full && type !== RECORD_TYPE.last) continue;
    yield Buffer.concat(fragments);
    fragments = [];
  }
}

/** The journal that an edit names; undefined when it names none, or cannot be read. */
function journalIn(edit: Uint8Array): number | undefined {
  let journal: number | undefined;
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = edit[at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < edit.length) {
    const field = number();
    const parts = FIELDS.get(field);
    if (parts === undefined) return undefined;
    for (const part of parts) {
      const value = number();
      if (!Number.isSafeInteger(value)) return undefined;
      if (field === JOURNAL_FIELD) journal = value;
      if (part === 's') at += value;
    }
  }
  return journal;
}
