import { z } from 'zod';
import { CooeeError, LIMITS } from '../../protocols/interface/index.ts';
import { bytesOf, count, decodeAs, encodeCanonical } from '../../protocols/wire/index.ts';

/** Version of what is inside a backup. Raised when an older program could not read it any more. */
export const ARCHIVE_VERSION = 1;

/** Bytes of the length before each frame: an unsigned big-endian number. */
export const LENGTH_BYTES = 4;

/** Content of a file in one frame. */
export const CHUNK_BYTES = 256 * 1024;

/** A frame with a full chunk and its fields, or with the longest path. */
export const FRAME_BYTES_MAX = CHUNK_BYTES + 1024;

const FOLDERS_MAX = 16;
const NAME_BYTES_MAX = 255;

/** What stands at the beginning of a backup, about the home that it is of. */
export interface BackupHead {
  /** When it was made, milliseconds since 1970. */
  readonly madeMs: number;
  /** Version of the program that made it. */
  readonly program: string;
  /** The name of the host that it was made on; for people. */
  readonly name: string;
}

/** One frame of an archive, in the order in which they come: head, then the files, then the end. */
export type ArchiveFrame =
  | (BackupHead & { readonly k: 'head'; readonly magic: 'cooee-backup'; readonly v: number })
  | { readonly k: 'file'; readonly path: string }
  | { readonly k: 'data'; readonly bytes: Uint8Array }
  | { readonly k: 'zeros'; readonly count: number }
  | { readonly k: 'close'; readonly size: number; readonly sha256: Uint8Array }
  | { readonly k: 'end'; readonly files: number; readonly bytes: number };

const schema = z.discriminatedUnion('k', [
  z.object({
    k: z.literal('head'),
    magic: z.literal('cooee-backup'),
    v: count.min(1),
    madeMs: count,
    program: z.string().max(64),
    name: z.string().max(255),
  }),
  z.strictObject({ k: z.literal('file'), path: z.string().min(1).max(LIMITS.backupPathBytesMax) }),
  z.strictObject({ k: z.literal('data'), bytes: z.instanceof(Uint8Array) }),
  z.strictObject({ k: z.literal('zeros'), count: count.min(1).max(CHUNK_BYTES) }),
  z.strictObject({ k: z.literal('close'), size: count, sha256: bytesOf(32) }),
  z.strictObject({ k: z.literal('end'), files: count, bytes: count }),
]);

/** The bytes of a frame: its length and its canonical dag-cbor. */
export function encodeArchiveFrame(frame: ArchiveFrame): Uint8Array {
  const body = encodeCanonical(frame);
  const bytes = new Uint8Array(LENGTH_BYTES + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length);
  bytes.set(body, LENGTH_BYTES);
  return bytes;
}

/**
 * The frame with that body (without its length).
 *
 * @throws CooeeError ERR_BACKUP_DAMAGED; ERR_BACKUP_NEWER for a head of a later version
 */
export function decodeArchiveFrame(body: Uint8Array): ArchiveFrame {
  const frame = decode(body);
  if (frame.k === 'head' && frame.v > ARCHIVE_VERSION) {
    throw new CooeeError('ERR_BACKUP_NEWER', undefined, {
      details: { found: frame.v, supported: ARCHIVE_VERSION },
    });
  }
  if (frame.k === 'file') assertArchivePath(frame.path);
  return frame;
}

function decode(body: Uint8Array): ArchiveFrame {
  try {
    return decodeAs(schema, body, FRAME_BYTES_MAX);
  } catch (cause) {
    throw damagedBackup('it has a part that is not of a backup', cause);
  }
}

/**
 * Whether a path may stand in an archive: names with single slashes between them, none of which
 * leads out of the folder that it is put into.
 */
export function isArchivePath(path: string): boolean {
  const names = path.split('/');
  if (names.length > FOLDERS_MAX || byteLength(path) > LIMITS.backupPathBytesMax) return false;
  return names.every((name) => name !== '' && name !== '.' && name !== '..' && isPlain(name));
}

/** @throws CooeeError ERR_BACKUP_DAMAGED */
export function assertArchivePath(path: string): void {
  if (!isArchivePath(path)) throw damagedBackup('it names a file that no home can have');
}

/** ERR_BACKUP_DAMAGED that says what is wrong with it. */
export function damagedBackup(what: string, cause?: unknown): CooeeError {
  return new CooeeError('ERR_BACKUP_DAMAGED', `The backup is damaged: ${what}.`, { cause });
}

/** No control characters, no backslash, well-formed Unicode. */
function isPlain(name: string): boolean {
  return byteLength(name) <= NAME_BYTES_MAX && name.isWellFormed() && !/[\p{Cc}\\]/u.test(name);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
