import {
  type AuthorRecord,
  CooeeError,
  type Hash,
  isCooeeError,
  LIMITS,
} from '../interface/index.ts';
import { cidOf, decodeAs, decodeCanonical, encodeCanonical } from '../wire/index.ts';
import { assertAddresses, type Submission, submissionSchema } from './schema.ts';

const CONTENT_BYTES_MAX = LIMITS.submissionBytesMax;
const INLINE_BYTES_MAX = LIMITS.submissionInlineBytesMax;

/**
 * Contents that this program encoded itself, by their bytes: they need not be decoded to be known
 * as valid, the first time. Bytes that came from elsewhere are never among them.
 */
const encoded = new WeakMap<Uint8Array, Submission>();

/**
 * The canonical bytes of a submission that a schema has checked.
 *
 * @throws CooeeError ERR_SUBMISSION_TOO_LARGE, ERR_SUBMISSION_MALFORMED (what has no canonical
 * form, such as 1.5), ERR_SUBMISSION_ADDRESS, ERR_UCXL_SYNTAX, ERR_UCXL_TEMPORAL
 */
export function encodeContent(submission: Submission): Uint8Array {
  assertAddresses(submission);
  const bytes = asSubmissionError(() => encodeCanonical(submission));
  if (bytes.length > CONTENT_BYTES_MAX) throw tooLarge(bytes.length, CONTENT_BYTES_MAX);
  encoded.set(bytes, submission);
  return bytes;
}

/**
 * Takes a content apart and checks all of it.
 *
 * @throws CooeeError as {@link encodeContent}
 */
export function decodeContent(bytes: Uint8Array): Submission {
  const known = encoded.get(bytes);
  encoded.delete(bytes);
  if (known !== undefined) return known;
  if (bytes.length > CONTENT_BYTES_MAX) throw tooLarge(bytes.length, CONTENT_BYTES_MAX);
  const submission = asSubmissionError(() => decodeAs(submissionSchema, bytes, CONTENT_BYTES_MAX));
  assertAddresses(submission);
  return submission;
}

/** `{author, content}` in DAG-CBOR: a map of two, and its keys, the shorter first. */
const MAP_OF_TWO_AUTHOR = new Uint8Array([0xa2, 0x66, 0x61, 0x75, 0x74, 0x68, 0x6f, 0x72]);
const CONTENT = new Uint8Array([0x67, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74]);

/**
 * The id of a submission: the CID of the canonical encoding of `{author: {agent?, peer}, content}`,
 * and of `{author, block: CID of the content}` when the content is a block of its own. Put together
 * from the content's own bytes, so that nobody has to decode it for that.
 *
 * @param content - canonical bytes
 */
export function submissionId(sha256: Hash, author: AuthorRecord, content: Uint8Array): string {
  if (isLarge(content)) return blockSubmissionId(sha256, author, cidOf(sha256, content));
  const by = encodeCanonical(author);
  const bytes = new Uint8Array(16 + by.length + content.length);
  bytes.set(MAP_OF_TWO_AUTHOR);
  bytes.set(by, 8);
  bytes.set(CONTENT, 8 + by.length);
  bytes.set(content, 16 + by.length);
  return cidOf(sha256, bytes);
}

/** The id of a submission whose content is a block. */
export function blockSubmissionId(sha256: Hash, author: AuthorRecord, block: string): string {
  return cidOf(sha256, encodeCanonical({ author, block }));
}

/** Whether a content travels as a block: one that is not may not, so each has one id. */
export function isLarge(content: Uint8Array): boolean {
  return content.length > INLINE_BYTES_MAX;
}

/**
 * The block of a patch: a byte string with its UTF-8.
 *
 * @throws CooeeError ERR_SUBMISSION_TOO_LARGE, ERR_SUBMISSION_MALFORMED
 */
export function encodePatch(patch: string): Uint8Array {
  if (!patch.isWellFormed()) {
    throw new CooeeError('ERR_SUBMISSION_MALFORMED', 'the patch is not well-formed text');
  }
  const bytes = new TextEncoder().encode(patch);
  const bytesMax = LIMITS.submissionPatchBytesMax;
  if (bytes.length > bytesMax) throw tooLarge(bytes.length, bytesMax, 'the patch');
  return encodeCanonical(bytes);
}

/** The text of a patch out of its block. @throws CooeeError ERR_SUBMISSION_MALFORMED */
export function decodePatch(block: Uint8Array): string {
  const bytes = asSubmissionError(() => decodeCanonical(block, LIMITS.submissionBlockBytesMax));
  if (bytes instanceof Uint8Array) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new CooeeError('ERR_SUBMISSION_MALFORMED', 'the patch is no text', { cause });
    }
  }
  throw new CooeeError('ERR_SUBMISSION_MALFORMED', 'the block is no patch');
}

/** What cannot be encoded or decoded is malformed, whatever else it may be. */
function asSubmissionError<T>(task: () => T): T {
  try {
    return task();
  } catch (error) {
    if (!isCooeeError(error)) throw error;
    throw new CooeeError('ERR_SUBMISSION_MALFORMED', `the submission: ${error.message}`, {
      details: error.details,
      cause: error,
    });
  }
}

/** @param what - a part of the submission, when it is that which is too large */
export function tooLarge(bytes: number, bytesMax: number, what?: string): CooeeError {
  const message =
    what === undefined ? undefined : `${what}: ${bytes} bytes, of at most ${bytesMax}`;
  return new CooeeError('ERR_SUBMISSION_TOO_LARGE', message, { details: { bytes, bytesMax } });
}
