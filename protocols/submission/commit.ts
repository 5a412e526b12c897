import { z } from 'zod';
import {
  type AuthorRecord,
  CooeeError,
  type Hash,
  isCooeeError,
  LIMITS,
} from '../interface/index.ts';
import { bytesUpTo, cidOf, encodeCanonical, equalBytes } from '../wire/index.ts';
import {
  blockSubmissionId,
  decodeContent,
  encodeContent,
  encodePatch,
  isLarge,
  submissionId,
  tooLarge,
} from './codec.ts';
import { address, blockRef, links, title } from './fields.ts';
import {
  assertAddresses,
  assertShown,
  type BlockRef,
  SUBMISSION_KINDS,
  type Submission,
  type SubmissionInput,
} from './schema.ts';

const CONTENT_BYTES_MAX = LIMITS.submissionBytesMax;
const INLINE_BYTES_MAX = LIMITS.submissionInlineBytesMax;

const headSchema = z.strictObject({
  kind: z.enum(SUBMISSION_KINDS),
  address,
  title,
  links,
  patch: blockRef.optional(),
});

/** What the log itself says of a submission, whether or not its content is a block. */
export type SubmissionHead = z.output<typeof headSchema>;

/** What the log says of a submission. */
export function headOf(submission: Submission): SubmissionHead {
  const { kind, address: own, title: name, links: to } = submission;
  const patch = submission.kind === 'pr' ? submission.patch : undefined;
  return { kind, address: own, title: name, links: to, ...(patch === undefined ? {} : { patch }) };
}

/** A submission made ready to be handed in. */
export interface PackedSubmission {
  readonly submission: Submission;
  /** Canonical bytes of it. */
  readonly content: Uint8Array;
  /** Body of its `submission.commit`. */
  readonly body: z.input<typeof commitBody>;
  /** That body, checked. */
  readonly order: CommitOrder;
  /** What must be kept outside of the log, by whoever hands it in, before that. */
  readonly blocks: readonly { readonly cid: string; readonly bytes: Uint8Array }[];
}

/**
 * Takes what was handed in apart into what stands in the log and the blocks that go with it.
 *
 * @throws CooeeError as {@link encodeContent}
 */
export function packSubmission(sha256: Hash, input: SubmissionInput): PackedSubmission {
  assertShown(input.address);
  const blocks: { cid: string; bytes: Uint8Array }[] = [];
  const add = (bytes: Uint8Array): BlockRef => {
    const cid = cidOf(sha256, bytes);
    blocks.push({ cid, bytes });
    return { cid, bytes: bytes.length };
  };
  const submission = withoutText(input, (patch) => add(encodePatch(patch)));
  const content = encodeContent(submission);
  const head = headOf(submission);
  if (!isLarge(content)) {
    return { submission, content, body: { content }, order: { content, head }, blocks };
  }
  const headBytes = encodeCanonical(head).length;
  if (headBytes > INLINE_BYTES_MAX) throw tooLarge(headBytes, INLINE_BYTES_MAX, 'title and links');
  const order = { block: add(content), head };
  return { submission, content, body: order, order, blocks };
}

function withoutText(input: SubmissionInput, keep: (patch: string) => BlockRef): Submission {
  if (input.kind === 'dr') return input;
  const { patch, ...rest } = input;
  return patch === undefined ? rest : { ...rest, patch: keep(patch) };
}

/**
 * Takes a content out of its block, and checks that it is the one that the log speaks of.
 *
 * @throws CooeeError as {@link decodeContent}; ERR_SUBMISSION_MALFORMED when it is another
 */
export function decodeContentBlock(bytes: Uint8Array, head: SubmissionHead): Submission {
  const submission = decodeContent(bytes);
  if (equalBytes(encodeCanonical(headOf(submission)), encodeCanonical(head))) return submission;
  throw new CooeeError('ERR_SUBMISSION_MALFORMED', 'the block is not what its command says');
}

/** A checked `submission.commit`. */
export interface CommitOrder {
  readonly head: SubmissionHead;
  /** Canonical bytes, unless the content is a block. */
  readonly content?: Uint8Array;
  /** The content as a block. */
  readonly block?: BlockRef;
}

/**
 * The body of `submission.commit`: the content itself, or, when that is large, the block that holds
 * it and what the log says of it. Each node checks all that is in it in full: a state holds no
 * content that a reader would choke on.
 */
export const commitBody = z
  .strictObject({
    content: bytesUpTo(INLINE_BYTES_MAX).optional(),
    block: blockRef.optional(),
    head: headSchema.optional(),
  })
  .transform((body, context): CommitOrder => {
    try {
      return orderOf(body);
    } catch (error) {
      if (!isCooeeError(error)) throw error;
      context.issues.push({ code: 'custom', message: error.message, input: body });
      return z.NEVER;
    }
  });

/** The id of a submission, by its content, from when it is handed in here till it is applied. */
const named = new WeakMap<Uint8Array, { readonly author: AuthorRecord; readonly id: string }>();

/** The id that a `submission.commit` gives its submission. */
export function idOfOrder(sha256: Hash, author: AuthorRecord, order: CommitOrder): string {
  const { content, block } = order;
  if (content === undefined) return blockSubmissionId(sha256, author, block?.cid ?? '');
  const known = named.get(content);
  if (known !== undefined && isSameAuthor(known.author, author)) return known.id;
  return submissionId(sha256, author, content);
}

/** As {@link idOfOrder}, and whoever asks for it before it is applied need not hash it again. */
export function nameOrder(sha256: Hash, author: AuthorRecord, order: CommitOrder): string {
  const id = idOfOrder(sha256, author, order);
  if (order.content !== undefined) named.set(order.content, { author, id });
  return id;
}

/** It is applied: nobody asks again. */
export function forgetName({ content }: CommitOrder): void {
  if (content !== undefined) named.delete(content);
}

function isSameAuthor(a: AuthorRecord, b: AuthorRecord): boolean {
  return a.peer === b.peer && a.agent === b.agent;
}

/** The blocks that a `submission.commit` refers to. */
export function blocksOf({ block, head }: CommitOrder): readonly BlockRef[] {
  return [block, head.patch].filter((it) => it !== undefined);
}

function orderOf(body: {
  readonly content?: Uint8Array | undefined;
  readonly block?: BlockRef | undefined;
  readonly head?: SubmissionHead | undefined;
}): CommitOrder {
  const { content, block, head } = body;
  if (content !== undefined && block === undefined && head === undefined) {
    return { content, head: headOf(decodeContent(content)) };
  }
  if (content !== undefined || block === undefined || head === undefined) {
    throw new CooeeError('ERR_SUBMISSION_MALFORMED', 'neither a content nor a block with its head');
  }
  if (block.bytes <= INLINE_BYTES_MAX || block.bytes > CONTENT_BYTES_MAX) {
    throw new CooeeError('ERR_SUBMISSION_MALFORMED', 'a content of that length is no block');
  }
  assertAddresses(head);
  const headBytes = encodeCanonical(head).length;
  if (headBytes > INLINE_BYTES_MAX) throw tooLarge(headBytes, INLINE_BYTES_MAX, 'title and links');
  return { block, head };
}
