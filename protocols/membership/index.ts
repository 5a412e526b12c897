/**
 * Who is in the mesh: members and their roles, invites, admission. The member list in the log is
 * the authority.
 *
 * @packageDocumentation
 */
export { Admission, type AdmissionComponents } from './admission.ts';
export {
  anchorSchema,
  formatInvite,
  type Invite,
  parseInvite,
  type TrustAnchor,
} from './invite.ts';
export * from './messages.ts';
export * from './reducer.ts';
export { type ProofContext, proofProblem } from './rules.ts';
export { StandingBook } from './standing-book.ts';
export * from './start.ts';
