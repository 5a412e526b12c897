/**
 * Submissions: work and decisions that members hand in for good, named by their content. Formats
 * and rules: docs/protocols/submission.md; how they are used: docs/submissions.md.
 *
 * @packageDocumentation
 */
export {
  blockSubmissionId,
  decodeContent,
  decodePatch,
  encodeContent,
  encodePatch,
  isLarge,
  submissionId,
} from './codec.ts';
export {
  blocksOf,
  type CommitOrder,
  commitBody,
  decodeContentBlock,
  headOf,
  idOfOrder,
  nameOrder,
  type PackedSubmission,
  packSubmission,
  type SubmissionHead,
} from './commit.ts';
export { type DecideValue, decideBody, reduceDecide } from './decide.ts';
export { type LinkTarget, linkTarget, versionAt } from './links.ts';
export { type CommitValue, reduceCommit } from './reducer.ts';
export {
  assertAddresses,
  type BlockRef,
  DECISION_STATUS,
  drInput,
  drSchema,
  LINK_RELATIONS,
  prInput,
  prSchema,
  SUBMISSION_KINDS,
  type Submission,
  type SubmissionInput,
  type SubmissionKind,
  submissionInput,
  submissionJsonSchema,
  submissionSchema,
} from './schema.ts';
