/**
 * Submissions: work and decisions that members hand in for good, named by their content. Formats,
 * rules and an example: docs/protocols/submission.md.
 *
 * @packageDocumentation
 */
export { commitBody, decodeContent, encodeContent, submissionId } from './codec.ts';
export { drJsonSchema } from './json-schema.ts';
export { type CommitValue, reduceCommit, versionAt } from './reducer.ts';
export {
  assertAddresses,
  DECISION_STATUS,
  drInput,
  drSchema,
  LINK_RELATIONS,
  type Submission,
  type SubmissionKind,
  submissionInput,
} from './schema.ts';
