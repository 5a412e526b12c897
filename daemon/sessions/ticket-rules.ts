import { z } from 'zod';
import { CooeeError } from '../../protocols/interface/errors.ts';
import { LIMITS } from '../../protocols/interface/limits.ts';

/** The one algorithm of tickets: whatever a ticket says, no other is tried (RFC 8725, 3.1). */
export const TICKET_ALGORITHM = 'EdDSA';

/** Explicit type, so that no other token signed by the same key passes for one (RFC 8725, 3.11). */
export const TICKET_TYPE = 'cooee-ticket+jwt';

/** How far ahead the clock may have been that a ticket was made by. */
const AHEAD_MS_MAX = 60_000;

const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]{86}$/;

/** How many characters a name in a ticket may have; peer ids and mesh ids are shorter. */
const NAME_CHARS_MAX = 128;
const name = z.string().min(1).max(NAME_CHARS_MAX);
const seconds = z.int().min(0);

const headerSchema = z.strictObject({ alg: z.string(), typ: z.string(), kid: name });

const claimsSchema = z.strictObject({
  /** Peer id of the node that made it, and whose agent socket takes it. */
  iss: name,
  /** Id of the mesh. */
  aud: name,
  /** Token of the agent that acts. */
  sub: name,
  /** Id of the session. */
  jti: name,
  /** When it was made and when it ends: seconds since the Unix epoch. */
  iat: seconds,
  exp: seconds,
});

/** What a ticket says (RFC 7519). */
export type TicketClaims = z.output<typeof claimsSchema>;

/** Where tickets are good. */
export interface TicketScope {
  readonly peer: string;
  readonly meshId: string;
}

/** What is wrong with a ticket, as `details.reason` says it. */
export type TicketFault =
  | 'algorithm'
  | 'early'
  | 'issuer'
  | 'key'
  | 'malformed'
  | 'mesh'
  | 'signature'
  | 'type';

const FAULTS: Readonly<Record<TicketFault, string>> = {
  algorithm: 'it is not signed with EdDSA',
  early: 'it was made in the future: a clock was set back',
  issuer: 'another node made it',
  key: 'another key signed it',
  malformed: 'it is mangled',
  mesh: 'it is for another mesh',
  signature: 'its signature does not fit',
  type: 'it is another kind of token',
};

/** A ticket that is refused for what it is. Never holds the ticket. */
export function ticketFault(reason: TicketFault): CooeeError {
  return new CooeeError('ERR_SESSIONS_TICKET', `the ticket is not valid: ${FAULTS[reason]}`, {
    details: { reason },
  });
}

/**
 * Takes a ticket apart and checks all that needs neither its key nor what the node remembers. It is
 * cheap and comes first, so that rubbish never reaches the signature.
 *
 * @throws CooeeError ERR_SESSIONS_TICKET, ERR_SESSIONS_EXPIRED
 */
export function readTicket(ticket: string, scope: TicketScope, nowMs: number): TicketClaims {
  if (ticket.length > LIMITS.ticketBytesMax || !SHAPE.test(ticket)) throw ticketFault('malformed');
  const [first = '', second = ''] = ticket.split('.');
  const { alg, typ, kid } = parsePart(headerSchema, first);
  if (alg !== TICKET_ALGORITHM) throw ticketFault('algorithm');
  if (typ !== TICKET_TYPE) throw ticketFault('type');
  if (kid !== scope.peer) throw ticketFault('key');
  const claims = parsePart(claimsSchema, second);
  if (claims.iss !== scope.peer) throw ticketFault('issuer');
  if (claims.aud !== scope.meshId) throw ticketFault('mesh');
  if (claims.iat * 1000 > nowMs + AHEAD_MS_MAX) throw ticketFault('early');
  if (claims.exp * 1000 <= nowMs) throw new CooeeError('ERR_SESSIONS_EXPIRED');
  return claims;
}

function parsePart<S extends z.ZodType>(schema: S, part: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    // What the parser says shows a piece of the ticket.
    throw ticketFault('malformed');
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw ticketFault('malformed');
  return parsed.data;
}
