import { z } from 'zod';
import { CooeeError, LIMITS } from '../interface/index.ts';
import { parseAddress } from '../ucxl/index.ts';

const utf8 = new TextEncoder();

/** How a record may lead to another. */
export const LINK_RELATIONS = [
  'influenced-by',
  'derived-from',
  'depends-on-constraint',
  'supersedes',
] as const;

/** What became of a decision, as its author puts it. */
export const DECISION_STATUS = ['proposed', 'accepted', 'rejected', 'superseded'] as const;

const itemsMax = LIMITS.submissionItemsMax;
const text = z.string().max(LIMITS.submissionBytesMax);
const texts = z.array(text).max(itemsMax);
// Only what every program of all years judges alike: reducers decode contents too.
const title = z
  .string()
  .min(1)
  .max(LIMITS.submissionTitleBytesMax)
  .regex(/^\P{Cc}+$/u)
  .refine((it) => utf8.encode(it).length <= LIMITS.submissionTitleBytesMax, {
    message: `expected at most ${LIMITS.submissionTitleBytesMax} bytes`,
  })
  .describe('One line');
const address = z.string().min(1).max(LIMITS.addressBytesMax);

const optionSchema = z.strictObject({ title, pros: texts, cons: texts, chosen: z.boolean() });
const linkSchema = z.strictObject({
  rel: z.enum(LINK_RELATIONS),
  address: address.describe('UCXL address of a record, of any version'),
});

/** A decision record as it is hashed and kept: every field is there. */
export const drSchema = z.strictObject({
  kind: z.literal('dr'),
  address: address.describe('Its own UCXL address: ucxl://agent:role@project:task/#/path'),
  title,
  status: z.enum(DECISION_STATUS),
  context: text.describe('What made a decision necessary'),
  options: z.array(optionSchema).max(itemsMax).describe('What was weighed'),
  decision: text,
  rationale: text.describe('Why so'),
  consequences: texts,
  links: z.array(linkSchema).max(itemsMax).describe('Records that it follows from or replaces'),
  x: z
    .record(z.string().min(1).max(64), z.unknown())
    .optional()
    .describe('Anything else: JSON with whole numbers; kept, not looked at'),
});

const optionInput = optionSchema.extend({
  pros: texts.default([]),
  cons: texts.default([]),
  chosen: z.boolean().default(false),
});

/** A decision record as it is handed in: what is left out is empty. */
export const drInput = drSchema.extend({
  status: z.enum(DECISION_STATUS).default('proposed'),
  context: drSchema.shape.context.default(''),
  options: z.array(optionInput).max(itemsMax).default([]).describe('What was weighed'),
  decision: text.default(''),
  rationale: drSchema.shape.rationale.default(''),
  consequences: texts.default([]),
  links: drSchema.shape.links.default([]),
});

/** A submission of any kind as it is handed in. */
export const submissionInput = drInput;

/** A submission's content, complete. */
export type Submission = z.output<typeof drSchema>;

/** A kind of submission. */
export type SubmissionKind = Submission['kind'];

/**
 * Checks the address of a submission and those that it links to. Its own is a present one in
 * canonical form, so that one place has one name; `any` is an ordinary name in it. The register of
 * agents takes none.
 *
 * @throws CooeeError ERR_SUBMISSION_ADDRESS; ERR_UCXL_SYNTAX, ERR_UCXL_TEMPORAL for what is no
 * address at all
 */
export function assertAddresses(submission: Pick<Submission, 'address' | 'links'>): void {
  const own = submission.address;
  const parsed = parseAddress(own);
  if (parsed.kind !== 'record') throw refuseAddress('a short form names an agent');
  // A star stands in an address only where # is written *^, and one that ends in a slash has no
  // path: all other parts are kept as they are written.
  if (parsed.temporal.kind !== 'now' || own.includes('*') || own.endsWith('/')) {
    throw refuseAddress('it is not the canonical address of a present record');
  }
  if (parsed.project === 'COOEE' && parsed.task === 'enrol') {
    throw refuseAddress('it belongs to the register of agents');
  }
  for (const link of submission.links) parseAddress(link.address);
}

function refuseAddress(reason: string): CooeeError {
  return new CooeeError('ERR_SUBMISSION_ADDRESS', `a submission cannot stand there: ${reason}`);
}
