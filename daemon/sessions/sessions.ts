import {
  type Clock,
  CooeeError,
  type Crypto,
  type KeyValueStore,
  LIMITS,
  type Logger,
  type Random,
  type StateReader,
  type StoreWrite,
  toError,
} from '../../protocols/interface/index.ts';
import type { AppliedEntry } from '../../protocols/slurp/index.ts';
import { agentAddress } from '../../protocols/ucxl/index.ts';
import { toHex } from '../../protocols/wire/index.ts';
import { type Session, SessionBook } from './session-book.ts';
import { readTicket, type TicketScope, ticketFault } from './ticket-rules.ts';
import type { TicketSigner } from './ticket-signer.ts';

/** What {@link Sessions} works with. */
export interface SessionsComponents {
  readonly store: KeyValueStore;
  readonly state: StateReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly signer: TicketSigner;
  readonly logger: Logger;
}

/** A session with its ticket, which is shown this once and is on no disk. */
export interface MadeSession extends Session {
  readonly ticket: string;
}

const ID_BYTES = 16;

/**
 * Who may act as which agent of this host: makes tickets, and says which agent a ticket names. A
 * ticket is good while it is signed by this node for this mesh, its time has not come, its session
 * was not revoked, and its agent is granted here; the last three are looked at every time.
 */
export class Sessions {
  readonly #components: SessionsComponents;
  readonly #scope: TicketScope;
  readonly #book: SessionBook;
  /** SHA-256 of each ticket whose signature was checked -> its session: one a session at most. */
  readonly #verified = new Map<string, Session>();
  readonly #hashOf = new Map<string, string>();

  constructor(components: SessionsComponents, scope: TicketScope) {
    this.#components = components;
    this.#scope = scope;
    this.#book = new SessionBook(components.store, ({ id }) => this.#unverify(id));
  }

  /** Loads the sessions that are kept. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_MALFORMED */
  async open(): Promise<void> {
    await this.#book.open();
    await this.prune();
  }

  /**
   * Makes a ticket for an agent of this host.
   *
   * @param agent - its token in canonical form
   * @throws CooeeError ERR_API_NOT_FOUND, ERR_SESSIONS_AGENT_GONE, ERR_SESSIONS_TOO_MANY,
   * ERR_STORAGE_*
   */
  async create(agent: string): Promise<MadeSession> {
    const { state, clock, random, signer, logger } = this.#components;
    if (state.get('agent', agent) === undefined) {
      throw new CooeeError('ERR_API_NOT_FOUND', 'no such agent');
    }
    if (!this.#isHere(agent)) throw new CooeeError('ERR_SESSIONS_AGENT_GONE');
    const version = this.#versionOf(agent);
    await this.prune();
    // Whole seconds, as a ticket says them.
    const createdMs = Math.floor(clock.nowMs() / 1000) * 1000;
    const expiresMs = createdMs + LIMITS.ticketLifeMs;
    const session = { id: toHex(random.bytes(ID_BYTES)), agent, version, createdMs, expiresMs };
    const { peer: iss, meshId: aud } = this.#scope;
    const times = { iat: createdMs / 1000, exp: expiresMs / 1000 };
    const ticket = await signer.sign({ iss, aud, sub: agent, jti: session.id, ...times });
    // Again: it may have been retired meanwhile, and that ended the sessions that there were.
    if (this.#isOver(session)) throw new CooeeError('ERR_SESSIONS_AGENT_GONE');
    await this.#book.add(session);
    // And again: it may have ended while it was written.
    if (this.#book.get(session.id) === undefined) throw new CooeeError('ERR_SESSIONS_AGENT_GONE');
    logger.info({ agent, session: session.id }, 'a session was made');
    return { ...session, ticket };
  }

  /** Sessions whose ticket is good, the oldest first. */
  list(): readonly Session[] {
    const nowMs = this.#components.clock.nowMs();
    return this.#book
      .all()
      .filter(({ agent, expiresMs }) => expiresMs > nowMs && this.#isHere(agent));
  }

  /**
   * Revokes a ticket: from this moment on it is refused, and stays so after a restart. When it
   * could not be written it can be revoked again.
   *
   * @throws CooeeError ERR_API_NOT_FOUND, ERR_STORAGE_*
   */
  async revoke(id: string): Promise<Session> {
    const session = this.#book.get(id) ?? this.#book.unwritten(id);
    if (session === undefined) throw new CooeeError('ERR_API_NOT_FOUND', 'no such session');
    await this.#book.drop([session]);
    this.#components.logger.info({ agent: session.agent, session: id }, 'a session was revoked');
    return session;
  }

  /**
   * The token of the agent that a ticket names. At once for a ticket that was seen before; the
   * first time its signature is checked, and only when a session with its id exists, so that forged
   * tickets cost a hash and a look-up.
   *
   * @throws CooeeError ERR_SESSIONS_TICKET, ERR_SESSIONS_EXPIRED, ERR_SESSIONS_REVOKED,
   * ERR_SESSIONS_AGENT_GONE; ERR_API_STARTING while the state is built anew
   */
  authenticate(ticket: string): string | Promise<string> {
    // Before it is hashed: what is longer is no ticket.
    if (ticket.length > LIMITS.ticketBytesMax) throw ticketFault('malformed');
    const hash = this.#hash(ticket);
    const session = this.#verified.get(hash);
    return session === undefined ? this.#verify(ticket, hash) : this.#agentOf(session);
  }

  /** Ends the sessions of agents that an entry retired or moved, in the batch of that entry. */
  writesFor(entry: AppliedEntry): readonly StoreWrite[] {
    return this.#book.forget(this.#endedBy(entry));
  }

  /**
   * The entry is part of the state. Until it was, its agents looked as before: what was made for
   * them since {@link writesFor} ends here.
   */
  onApplied(entry: AppliedEntry): void {
    const ended = this.#endedBy(entry);
    if (ended.length > 0) this.#watch(this.#book.drop(ended));
  }

  /** The state was replaced as a whole: agents may have gone without an entry that says so. */
  onReplaced(): void {
    this.#watch(this.prune());
  }

  /** Drops what has expired and what is of agents that are gone. Throws as {@link revoke} does. */
  async prune(): Promise<void> {
    await this.#book.drop(this.#book.all().filter((session) => this.#isOver(session)));
  }

  #endedBy({ events }: AppliedEntry): readonly Session[] {
    const gone = new Set<unknown>();
    for (const { type, data } of events) {
      if (type === 'agent:retire' || type === 'agent:rebind') gone.add(data['token']);
    }
    return gone.size === 0 ? [] : this.#book.all().filter(({ agent }) => gone.has(agent));
  }

  #watch(dropped: Promise<void>): void {
    dropped.catch((error: unknown) => {
      // They are refused all the same; the next prune tries again.
      this.#components.logger.warn({ err: toError(error) }, 'sessions that ended stay stored');
    });
  }

  async #verify(ticket: string, hash: string): Promise<string> {
    const claims = readTicket(ticket, this.#scope, this.#components.clock.nowMs());
    const isKnown = this.#book.get(claims.jti)?.agent === claims.sub;
    if (!isKnown) throw new CooeeError('ERR_SESSIONS_REVOKED');
    if (!(await this.#components.signer.verify(ticket))) throw ticketFault('signature');
    // Again: it may have been revoked while the signature was checked.
    const session = this.#book.get(claims.jti);
    if (session === undefined) throw new CooeeError('ERR_SESSIONS_REVOKED');
    this.#unverify(session.id);
    this.#verified.set(hash, session);
    this.#hashOf.set(session.id, hash);
    return this.#agentOf(session);
  }

  #agentOf({ agent, expiresMs }: Session): string {
    const { clock, state } = this.#components;
    if (expiresMs <= clock.nowMs()) throw new CooeeError('ERR_SESSIONS_EXPIRED');
    if (this.#isHere(agent)) return agent;
    // It was granted when the session was made: a state without it is being built anew.
    const isKnown = state.get('agent', agent) !== undefined;
    throw new CooeeError(isKnown ? 'ERR_SESSIONS_AGENT_GONE' : 'ERR_API_STARTING');
  }

  /** An agent that the state does not know is not gone: the state may be on its way again. */
  #isOver({ agent, version, expiresMs }: Session): boolean {
    if (expiresMs <= this.#components.clock.nowMs()) return true;
    if (this.#components.state.get('agent', agent) === undefined) return false;
    // Granted again in a state that was taken as a whole: no entry said that it had gone.
    return !this.#isHere(agent) || (version !== undefined && version !== this.#versionOf(agent));
  }

  /** It rises whenever the agent is retired, granted again or given to another node. */
  #versionOf(agent: string): number {
    const { state } = this.#components;
    const record = state.get('agent', agent);
    if (record === undefined) return 0;
    return state.get('revised', agentAddress(record.number, record.gpuSlot)) ?? 0;
  }

  #isHere(agent: string): boolean {
    const record = this.#components.state.get('agent', agent);
    return record?.peer === this.#scope.peer && record.retiredIndex === null;
  }

  #hash(ticket: string): string {
    return toHex(this.#components.crypto.sha256(Buffer.from(ticket)));
  }

  #unverify(id: string): void {
    const hash = this.#hashOf.get(id);
    if (hash === undefined) return;
    this.#hashOf.delete(id);
    this.#verified.delete(hash);
  }
}
