/**
 * Enrolment: a node claims its agents in a request that only the leader can open; the log grants
 * each a token for ever. Formats, rules and examples: docs/protocols/enrolment.md.
 *
 * @packageDocumentation
 */
export { assertOneRecipient, countStanzas } from './age-header.ts';
export type { AppliedCommands } from './applied.ts';
export {
  type Claim,
  type ClaimedAgent,
  claimId,
  claimSchema,
  decodeClaim,
  decodeMessage,
  decodePlaintext,
  type EnrolAnswer,
  type EnrolRequest,
  encodeAnswer,
  encodeClaim,
  encodePlaintext,
  encodeRequest,
  enrolAddress,
  grantBody,
  rebindBody,
  retireBody,
} from './codec.ts';
export { claimJsonSchema } from './json-schema.ts';
export type { AgentToEnrol } from './publish/compute-requests.ts';
export type { EnrolmentView } from './publish/groups.ts';
export type { EnrolmentStanding, EnrolOptions } from './publish/publisher.ts';
export {
  type GrantedAgent,
  type GrantValue,
  reduceGrant,
  reduceRebind,
  reduceRetire,
} from './reducer.ts';
export { assertClaim, checkEnrolment, type EnrolmentContext } from './rules.ts';
export {
  createEnrolment,
  type Enrolment,
  type EnrolmentComponents,
  type EnrolmentInit,
} from './service.ts';
