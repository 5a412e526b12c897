/**
 * Heads: what a majority of the voters says the log is, the chain of trust over changes of voters,
 * and what a node makes of them.
 *
 * @packageDocumentation
 */
export { type LogClaim, type LostState, lostStateProblem } from './claim-check.ts';
export type { HeadRefusal, VoterSet } from './head-rules.ts';
export type { Leadership, StateMark, StateMarks } from './ports.ts';
export { HeadService, type HeadServiceComponents } from './signing/head-service.ts';
export { HeadSigner, type HeadSignerComponents, type SignedMark } from './signing/head-signer.ts';
export { headProtocol } from './signing/protocol.ts';
export { TrustBook, type TrustBookComponents } from './trust-book.ts';
export type { KeptHead } from './trust-store.ts';
