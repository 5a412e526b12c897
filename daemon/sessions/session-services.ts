import type { Crypto } from '../../protocols/interface/index.ts';
import type { MadeSessionView, SessionView } from '../api/routes/index.ts';
import type { Daemon } from '../daemon.ts';
import { canonicalToken } from '../services/resolve.ts';
import type { Session } from './session-book.ts';
import type { Sessions } from './sessions.ts';

/** The services about sessions: tickets of this host's agents. */
export class SessionServices {
  readonly #daemon: Daemon;
  readonly #crypto: Crypto;

  constructor(daemon: Daemon, crypto: Crypto) {
    this.#daemon = daemon;
    this.#crypto = crypto;
  }

  async create(tokenText: string): Promise<MadeSessionView> {
    const { sessions, state } = this.#daemon.memberNode.parts;
    const token = canonicalToken(state, this.#crypto.sha256, tokenText);
    const { ticket, ...session } = await sessions.create(token);
    return { ...viewOf(session), ticket };
  }

  list(): readonly SessionView[] {
    return this.#sessions.list().map(viewOf);
  }

  async revoke(id: string): Promise<SessionView> {
    return viewOf(await this.#sessions.revoke(id));
  }

  authenticate(ticket: string): string | Promise<string> {
    return this.#sessions.authenticate(ticket);
  }

  /** Also while this node joins or rebuilds its state: what needs more than a name asks more. */
  get #sessions(): Sessions {
    return this.#daemon.node.parts.sessions;
  }
}

function viewOf({ id, agent, createdMs, expiresMs }: Session): SessionView {
  return {
    id,
    agent,
    createdAt: new Date(createdMs).toISOString(),
    expiresAt: new Date(expiresMs).toISOString(),
  };
}
