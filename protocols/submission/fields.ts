import { z } from 'zod';
import { isKeptByUtf8, isWithinUtf8, LIMITS } from '../interface/index.ts';

/** How a record may lead to another. */
export const LINK_RELATIONS = [
  'influenced-by',
  'derived-from',
  'depends-on-constraint',
  'supersedes',
] as const;

/** A list in a submission has at most so many items. */
export const itemsMax = LIMITS.submissionItemsMax;

/**
 * Text of any length that fits. Whether it does is for the codec to say, of the submission as a
 * whole: the length is in the JSON Schema alone, or a longer text would be refused with two codes.
 */
export const text = z.string().meta({ maxLength: LIMITS.submissionBytesMax });

/** A list of such texts. */
export const texts = z.array(text).max(itemsMax);

/** One line of a bounded length in bytes. */
export const lineUpTo = (bytesMax: number) =>
  // Only what every program of all years judges alike: reducers decode contents too.
  z
    .string()
    .min(1)
    .max(bytesMax)
    .regex(/^\P{Cc}+$/u)
    .refine((it) => isWithinUtf8(it, bytesMax), {
      message: `expected at most ${bytesMax} bytes`,
    });

/** Text of a bounded length in bytes, with no control characters but tabs and line breaks. */
export const manyLinesUpTo = (bytesMax: number) =>
  z
    .string()
    .min(1)
    .max(bytesMax)
    .regex(/^(?:\P{Cc}|[\t\n\r])+$/u)
    .refine(isKeptByUtf8, { message: 'expected well-formed text without a byte order mark' })
    .refine((it) => isWithinUtf8(it, bytesMax), {
      message: `expected at most ${bytesMax} bytes`,
    });

/** The title of a submission, or of an option in it. */
export const title = lineUpTo(LIMITS.submissionTitleBytesMax).describe('One line');

/** A UCXL address; whether it is one is for the codec to say. */
export const address = z.string().min(1).max(LIMITS.addressBytesMax);

/** Where a submission stands. */
export const ownAddress = address.describe(
  'Its own UCXL address: ucxl://agent:role@project:task/#/path',
);

/** Links of a submission to other records. */
export const links = z
  .array(
    z.strictObject({
      rel: z.enum(LINK_RELATIONS),
      address: address.describe('UCXL address of a record, of any version'),
    }),
  )
  .max(itemsMax)
  .describe('Records that it follows from or replaces');

/** What a submission may hold besides. */
export const x = z
  .record(z.string().min(1).max(64), z.unknown())
  .optional()
  .describe('Anything else: JSON with whole numbers; kept, not looked at');

/** A block by its id: what is kept outside of the log. */
export const blockRef = z.strictObject({
  cid: z
    .string()
    .regex(/^bafyrei[a-z2-7]{52}$/)
    .describe('CID of the block'),
  bytes: z.number().int().min(1).max(LIMITS.submissionBlockBytesMax).describe('Its length'),
});

/** A block by its id, and how long it is. */
export type BlockRef = z.output<typeof blockRef>;
