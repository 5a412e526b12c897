/**
 * Tickets: how a program on the agent socket shows which agent it acts as (docs/security.md).
 *
 * @packageDocumentation
 */
export type { Session } from './session-book.ts';
export { SessionServices } from './session-services.ts';
export { type MadeSession, Sessions, type SessionsComponents } from './sessions.ts';
export type { TicketScope } from './ticket-rules.ts';
export { createTicketSigner, type TicketSigner } from './ticket-signer.ts';
