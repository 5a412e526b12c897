import { z } from 'zod';
import { CooeeError, LIMITS, sanitizeLine } from '../interface/index.ts';
import { MESH_PROJECT, parseAddress } from '../ucxl/index.ts';
import { drInput, drSchema } from './dr.ts';
import { manyLinesUpTo } from './fields.ts';
import { prInput, prSchema } from './pr.ts';

export { DECISION_STATUS, drInput, drSchema } from './dr.ts';
export { type BlockRef, blockRef, LINK_RELATIONS } from './fields.ts';
export { prInput, prSchema } from './pr.ts';

/** The kinds of submissions. */
export const SUBMISSION_KINDS = ['dr', 'pr'] as const;

/** A submission of any kind as it is handed in. */
export const submissionInput = z.discriminatedUnion('kind', [drInput, prInput]);

/** A submission of any kind as it is hashed and kept. */
export const submissionSchema = z.discriminatedUnion('kind', [drSchema, prSchema]);

/** What is handed in, with what was left out filled in; a patch is still a text. */
export type SubmissionInput = z.output<typeof submissionInput>;

/** A submission's content, complete; a patch is a block by its id. */
export type Submission = z.output<typeof submissionSchema>;

/** A kind of submission. */
export type SubmissionKind = Submission['kind'];

/** What a curator says of a submission. */
export const decisionFields = {
  as: z
    .string()
    .regex(new RegExp(`^[a-z](?:[a-z-]{0,${LIMITS.submissionDecisionLengthMax - 2}}[a-z])?$`))
    .describe('merged, accepted, rejected, or another word in small letters'),
  why: manyLinesUpTo(LIMITS.submissionWhyBytesMax).describe('The reason'),
};

const TITLES = { dr: 'Decision record', pr: 'Pull request' } as const;
const INPUTS = { dr: drInput, pr: prInput } as const;

/** The JSON Schema (2020-12) of what may be handed in, as in docs/schemas/dr.json and pr.json. */
export function submissionJsonSchema(kind: SubmissionKind): Record<string, unknown> {
  return { ...z.toJSONSchema(INPUTS[kind], { io: 'input' }), title: TITLES[kind] };
}

/**
 * Checks the address of a submission and those that it links to. Its own is a present one in
 * canonical form, so that one place has one name; `any` is an ordinary name in it. The mesh's own
 * project takes none.
 *
 * @throws CooeeError ERR_SUBMISSION_ADDRESS; ERR_UCXL_SYNTAX, ERR_UCXL_TEMPORAL for what is no
 * address at all
 */
export function assertAddresses(submission: {
  readonly address: string;
  readonly links: readonly { readonly address: string }[];
}): void {
  const own = submission.address;
  const parsed = parseAddress(own);
  if (parsed.kind !== 'record') throw refuseAddress('a short form names an agent');
  // A star stands in an address only where # is written *^, and one that ends in a slash has no
  // path: all other parts are kept as they are written.
  if (parsed.temporal.kind !== 'now' || own.includes('*') || own.endsWith('/')) {
    throw refuseAddress('it is not the canonical address of a present record');
  }
  if (parsed.project === MESH_PROJECT) throw refuseAddress('that project is the mesh itself');
  for (const link of submission.links) parseAddress(link.address);
}

/**
 * Checks that an address is shown as it is: of two that look alike for a character that nobody
 * sees, who copies the one would get the other. What is seen changes with Unicode, so this is
 * judged before the log, never by a reducer.
 *
 * @throws CooeeError ERR_SUBMISSION_ADDRESS
 */
export function assertShown(address: string): void {
  if (sanitizeLine(address) !== address) throw refuseAddress('it has a character that is not seen');
}

function refuseAddress(reason: string): CooeeError {
  return new CooeeError('ERR_SUBMISSION_ADDRESS', `a submission cannot stand there: ${reason}`);
}
