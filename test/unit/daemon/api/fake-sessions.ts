import type { ApiServices } from '../../../../daemon/api/services.ts';
import { CooeeError } from '../../../../protocols/interface/index.ts';

const SESSION = {
  id: '5e'.repeat(16),
  agent: '458RV',
  createdAt: '2026-01-02T03:04:05.000Z',
  expiresAt: '2026-02-01T03:04:05.000Z',
};

/** A ticket that the fake services take for this agent's. */
export const ticketOf = (agent: string): string => `ticket.of.${agent}`;

/** The header that goes with it. */
export const actingAs = (agent: string): Record<string, string> => ({
  Authorization: `Bearer ${ticketOf(agent)}`,
});

/** The services about sessions, for the fixture. */
export function fakeSessions(note: (name: string, ...args: readonly unknown[]) => void) {
  return {
    // At once for some and later for others, as the real one.
    authenticate: (ticket) => {
      const agent = /^ticket\.of\.(\w+)$/.exec(ticket)?.[1];
      if (agent === undefined) throw new CooeeError('ERR_SESSIONS_TICKET');
      return agent === '458RV' ? agent : Promise.resolve(agent);
    },
    createSession: async (token) => {
      note('createSession', token);
      return { ...SESSION, agent: token, ticket: ticketOf(token) };
    },
    listSessions: () => [SESSION],
    revokeSession: async (id) => {
      note('revokeSession', id);
      return { ...SESSION, id };
    },
  } satisfies Partial<ApiServices>;
}
