import { z } from 'zod';
import {
  type AuthorRecord,
  CooeeError,
  type Hash,
  isCooeeError,
  LIMITS,
} from '../interface/index.ts';
import { bytesUpTo, cidOf, decodeAs, encodeCanonical } from '../wire/index.ts';
import { assertAddresses, drSchema, type Submission } from './schema.ts';

const CONTENT_BYTES_MAX = LIMITS.submissionInlineBytesMax;

/**
 * Contents that this program encoded itself, by their bytes: they need not be decoded to be known
 * as valid. Bytes that came from elsewhere are never among them.
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
  if (bytes.length > CONTENT_BYTES_MAX) throw tooLarge(bytes.length);
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
  if (known !== undefined) return known;
  if (bytes.length > CONTENT_BYTES_MAX) throw tooLarge(bytes.length);
  const submission = asSubmissionError(() => decodeAs(drSchema, bytes, CONTENT_BYTES_MAX));
  assertAddresses(submission);
  return submission;
}

/** `{author, content}` in DAG-CBOR: a map of two, and its keys, the shorter first. */
const MAP_OF_TWO_AUTHOR = new Uint8Array([0xa2, 0x66, 0x61, 0x75, 0x74, 0x68, 0x6f, 0x72]);
const CONTENT = new Uint8Array([0x67, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74]);

/**
 * The id of a submission: the CID of the canonical encoding of `{author: {agent?, peer}, content}`.
 * Put together from the content's own bytes, so that nobody has to decode it for that.
 *
 * @param content - canonical bytes
 */
export function submissionId(sha256: Hash, author: AuthorRecord, content: Uint8Array): string {
  const by = encodeCanonical(author);
  const bytes = new Uint8Array(16 + by.length + content.length);
  bytes.set(MAP_OF_TWO_AUTHOR);
  bytes.set(by, 8);
  bytes.set(CONTENT, 8 + by.length);
  bytes.set(content, 16 + by.length);
  return cidOf(sha256, bytes);
}

/**
 * The body of `submission.commit`; checked, its content is there both as bytes and as value. Each
 * node checks it in full: a state holds no content that a reader would choke on.
 */
export const commitBody = z
  .strictObject({ content: bytesUpTo(CONTENT_BYTES_MAX) })
  .transform(({ content }, context) => {
    try {
      return { content, submission: decodeContent(content) };
    } catch (error) {
      if (!isCooeeError(error)) throw error;
      context.issues.push({ code: 'custom', message: error.message, input: content });
      return z.NEVER;
    }
  });

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

function tooLarge(bytes: number): CooeeError {
  return new CooeeError('ERR_SUBMISSION_TOO_LARGE', undefined, {
    details: { bytes, bytesMax: CONTENT_BYTES_MAX },
  });
}
