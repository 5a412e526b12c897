import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { readTextBounded, systemCode } from '../durable-file.ts';
import { readFully } from '../log/segment-file.ts';
import { withIoError } from './io-error.ts';
import { HEADER_BYTES, JOURNAL_BLOCK_BYTES, RECORD_TYPE } from './journal-reader.ts';

/** `CURRENT` holds the name of a manifest. */
const CURRENT_TEXT = /^(MANIFEST-\d+)\n$/;
const CURRENT_BYTES_MAX = 256;

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
 * @throws CooeeError ERR_STORAGE_IO; ERR_STORAGE_DAMAGED when `CURRENT` is much too long
 */
export async function readManifest(directory: string): Promise<Manifest> {
  const current = await readTextBounded(join(directory, 'CURRENT'), CURRENT_BYTES_MAX);
  const name = CURRENT_TEXT.exec(current ?? '')?.[1];
  if (name === undefined) return { name, firstJournal: 0 };
  const path = join(directory, name);
  return await withIoError({ operation: 'reading the store', file: path }, async () => {
    const file = await open(path, 'r').catch((thrown: unknown) => {
      if (systemCode(thrown) === 'ENOENT') return undefined;
      throw thrown;
    });
    if (file === undefined) return { name: undefined, firstJournal: 0 };
    try {
      let firstJournal = 0;
      for await (const edit of recordsOf(file)) firstJournal = journalIn(edit) ?? firstJournal;
      return { name, firstJournal };
    } finally {
      await file.close();
    }
  });
}

/**
 * The records of a journal up to its end, or up to the first that cannot be one. Block by block: a
 * manifest gets some hundred bytes for each table for as long as the store is open.
 */
async function* recordsOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  let fragments: Uint8Array[] = [];
  for (let offset = 0; ; offset += JOURNAL_BLOCK_BYTES) {
    const block = await readFully(file, JOURNAL_BLOCK_BYTES, offset);
    for (let at = 0; at + HEADER_BYTES <= block.length; ) {
      const [low = 0, high = 0, type = 0] = block.subarray(at + 4, at + HEADER_BYTES);
      const end = at + HEADER_BYTES + (low | (high << 8));
      if (type === 0 || end > block.length) return;
      fragments.push(block.subarray(at + HEADER_BYTES, end));
      at = end;
      if (type !== RECORD_TYPE.full && type !== RECORD_TYPE.last) continue;
      yield Buffer.concat(fragments);
      fragments = [];
    }
    if (block.length < JOURNAL_BLOCK_BYTES) return;
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
