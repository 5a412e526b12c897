import {
  type Clock,
  CooeeError,
  type Crypto,
  type Gossip,
  type GossipMessage,
  type GossipVerdict,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type Metrics,
  type Requester,
  type Responder,
  type Startable,
  type StateEvent,
  type StateReader,
} from '../interface/index.ts';
import { type AnnouncedAgent, decodeMessage, parsePatch } from './codec.ts';
import { OwnAgents } from './own/own-agents.ts';
import { OwnAnnouncement } from './own/own-announcement.ts';
import { type AgentPage, type AgentQuery, findAgents, pageJson } from './query/find.ts';
import { Roster } from './query/roster.ts';
import type { AgentView } from './query/view.ts';
import { AnnouncementTable, type TableChange, type Via } from './table/announcement-table.ts';
import { TablePuller } from './table/puller.ts';
import { StoredOriginals } from './table/stored-originals.ts';
import { TableExchange } from './table/table-exchange.ts';
import { NamedTimers } from './timers.ts';

/** What says whether a node can be reached. */
export interface Liveness {
  isReachable(peer: string): boolean;
  /** Sets what is called when a node became reachable or unreachable. */
  onChange(listener: (peer: string) => void): void;
}

/** What the service is built from. */
export interface CapabilityComponents {
  readonly gossip: Gossip;
  readonly requester: Requester;
  readonly responder: Responder;
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly state: StateReader;
  /** This node's peer id. */
  readonly self: string;
  readonly meshId: string;
  readonly liveness: Liveness;
  /** Connected members, the ones to ask first first. */
  readonly peersFirst: () => readonly string[];
  /** Signs a message of this node on the capability topic as gossip would, without sending it. */
  readonly sign: (body: Uint8Array) => GossipMessage;
  /** `agent:announce`, `agent:unreachable`, `agent:back`. */
  readonly onEvent: (event: StateEvent) => void;
}

/** Settings of the service. */
export interface CapabilityInit {
  /** Between two beats. @default 30 s */
  readonly beatMs?: number | undefined;
  /** How long a beat is good for. @default 90 s: two may be missed */
  readonly leaseMs?: number | undefined;
  /** Stale announcements are forgotten after this. @default 7 days */
  readonly dropMs?: number | undefined;
}

/** Changes in so short a time go out together. */
const GATHER_MS = 10;
/** Between two announcements: the topic takes five messages a second, beats among them. */
const ANNOUNCE_GAP_MS = 250;
/** Beats after a connection: gossip needs a moment until the other side listens. */
const GREETING_MS = [300, 1_500] as const;
/** By then one of them has come, or the node is no better than silent. */
const GREETED_MS = 2_500;
const SWEEP_MS_MAX = 5_000;
const SAVE_MS = 10_000;
/**
 * Beats are stored now and then only: what counts after a restart is about when a node was there
 * last.
 */
const SAVE_BEATS_MS = 600_000;

/**
 * Who can do what, and who is there: announces this node's agents, follows the others', answers
 * questions.
 */
export class CapabilityService implements Startable {
  readonly #components: CapabilityComponents;
  readonly #init: { readonly beatMs: number; readonly leaseMs: number };
  readonly #logger: Logger;
  readonly #table: AnnouncementTable;
  readonly #roster: Roster;
  readonly #own: OwnAgents;
  readonly #announcement: OwnAnnouncement;
  readonly #stored: StoredOriginals;
  readonly #exchange: TableExchange;
  readonly #puller: TablePuller;
  readonly #timers: NamedTimers;
  #announcedAtMs = Number.NEGATIVE_INFINITY;
  #isStarted = false;

  constructor(components: CapabilityComponents, init: CapabilityInit = {}) {
    const { clock, crypto, store, self, liveness, state } = components;
    const logger = components.logger.child('cooee:capability');
    this.#components = components;
    this.#init = { beatMs: init.beatMs ?? 30_000, leaseMs: init.leaseMs ?? 90_000 };
    this.#logger = logger;
    this.#timers = new NamedTimers(clock);
    this.#table = new AnnouncementTable(crypto.sha256, { ...init, leaseMs: this.#init.leaseMs });
    const table = this.#table;
    const isReachable = (peer: string): boolean =>
      peer === self || (table.isLive(peer, clock.monotonicMs()) && liveness.isReachable(peer));
    this.#roster = new Roster({ state, table, isReachable });
    this.#own = new OwnAgents(store, logger);
    this.#announcement = new OwnAnnouncement(components);
    this.#stored = new StoredOriginals(store, logger);
    this.#exchange = new TableExchange({
      ...components,
      logger,
      table,
      ownOriginals: (known) => this.#announcement.originals(known),
      onMessage: (message) => void this.#take(message, 'table'),
    });
    this.#puller = new TablePuller({ ...components, logger, exchange: this.#exchange });
  }

  /** The state and the store are open, gossip takes handlers. */
  async start(): Promise<void> {
    const { gossip, liveness } = this.#components;
    await this.#own.load();
    await this.#loadStored();
    this.#isStarted = true;
    this.#roster.load();
    this.#putOwn();
    this.#roster.refreshPeer(this.#components.self);
    gossip.handle('capability', (message) => this.#take(message, 'gossip'));
    await this.#exchange.start();
    liveness.onChange((peer) => this.#onLiveness(peer));
    this.#announceSoon();
    this.#timers.repeat('beat', this.#init.beatMs, () => this.#beat());
    this.#timers.repeat('sweep', Math.min(SWEEP_MS_MAX, this.#init.leaseMs / 10), () =>
      this.#sweep(),
    );
    this.#timers.repeat('save', SAVE_MS, () => void this.#stored.save());
    this.#timers.repeat('save-beats', SAVE_BEATS_MS, () => this.#storeBeats());
    this.#puller.start();
  }

  async stop(): Promise<void> {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    this.#timers.cancelAll();
    await this.#puller.stop();
    await this.#exchange.stop();
    await this.#stored.save();
  }

  /** Agents that fit, a page at a time; out of memory. @throws CooeeError ERR_API_QUERY */
  find(query: AgentQuery): AgentPage {
    return findAgents(this.#roster.rows, query);
  }

  /** The answer of {@link find} as JSON text. @throws CooeeError ERR_API_QUERY */
  pageJson(query: AgentQuery): string {
    return pageJson(this.#roster.rows, query);
  }

  /** One agent, also a retired one. */
  get(token: string): AgentView | undefined {
    return this.#roster.rows.get(token)?.view();
  }

  /**
   * The lease of a node's agents: its last beat (wall clock, ms), whether that still counts, and
   * how long one does. Undefined when it announced nothing here.
   */
  lease(
    peer: string,
  ): { readonly seenMs: number; readonly isLive: boolean; readonly leaseMs: number } | undefined {
    const seenMs = this.#table.get(peer)?.seenMs;
    if (seenMs === undefined) return undefined;
    const { clock, self } = this.#components;
    const isLive = peer === self || this.#table.isLive(peer, clock.monotonicMs());
    return { seenMs, isLive, leaseMs: this.#init.leaseMs };
  }

  /**
   * Announces what an agent of this node can do and how busy it is; what is not given stays.
   *
   * @throws CooeeError ERR_CAPABILITY_ANNOUNCEMENT, ERR_CAPABILITY_NOT_OWNER, ERR_API_NOT_FOUND,
   * ERR_STORAGE_*
   */
  async announce(token: string, patch: unknown): Promise<AgentView> {
    const given = parsePatch(patch);
    const { state, self } = this.#components;
    const record = state.get('agent', token);
    if (record === undefined || record.retiredIndex !== null) {
      throw new CooeeError('ERR_API_NOT_FOUND', 'no agent is granted under that token');
    }
    if (record.peer !== self) {
      throw new CooeeError('ERR_CAPABILITY_NOT_OWNER', undefined, {
        details: { peer: record.peer },
      });
    }
    await this.#own.patch(token, given);
    this.#putOwn();
    const row = this.#roster.refresh(token);
    this.#announceSoon();
    const view = row?.view();
    if (view === undefined) throw new CooeeError('ERR_API_NOT_FOUND');
    this.#components.onEvent({ type: 'agent:announce', data: { ...view } });
    return view;
  }

  /** The state was replaced as a whole: entries were passed over that no event told of. */
  onReplaced(): void {
    if (!this.#isStarted) return;
    this.#roster.load();
    this.#announceSoon();
    this.#puller.poke();
  }

  /** To be called with each event of the log, after it was applied. */
  onStateEvent(event: StateEvent): void {
    if (!this.#isStarted) return;
    const { token, peer } = event.data;
    if (event.type.startsWith('agent:') && typeof token === 'string') {
      const row = this.#roster.refresh(token);
      const { self } = this.#components;
      if (row?.record.peer === self || event.data['from'] === self) this.#announceSoon();
    }
    const isGone = event.type === 'member:remove' || event.type === 'member:leave';
    if (isGone && typeof peer === 'string') this.#forget(peer);
    if (event.type === 'member:join') this.#puller.poke();
  }

  #take(message: GossipMessage, via: Via): GossipVerdict {
    // What this node says it knows best; somebody sends it back.
    if (message.origin === this.#components.self) return 'ignore';
    try {
      const { clock } = this.#components;
      // Signed for another topic: in a table there may stand whatever a member has signed.
      if (message.topic !== 'capability') throw new CooeeError('ERR_WIRE_MALFORMED');
      const value = decodeMessage(message.body);
      const at = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs(), via };
      const change =
        value.kind === 'beat'
          ? this.#table.beat(message, value, at)
          : this.#table.announce(message, value, at);
      this.#onChange(change);
      // A beat that names what is not here: its origin has it.
      if (change.kind === 'incomplete' && value.kind === 'beat' && via === 'gossip') {
        this.#puller.want(message.origin);
      }
      return 'accept';
    } catch (error) {
      return this.#refused(message, error);
    }
  }

  #refused(message: GossipMessage, error: unknown): GossipVerdict {
    if (!isCooeeError(error)) throw error;
    const { code } = error;
    this.#components.metrics.count('cooee_capability_messages_refused_total', { code });
    this.#logger.debug({ origin: message.origin, code }, 'a message was refused');
    return code === 'ERR_WIRE_VERSION' ? 'ignore' : 'reject';
  }

  #onChange(change: TableChange): void {
    if (change.kind !== 'replaced' && change.kind !== 'renewed') return;
    const { entry } = change;
    if (change.kind === 'replaced') this.#stored.changed(entry.peer, entry);
    if (!this.#isStarted) return;
    // What the agents say first: whether their node is there is news of its own.
    for (const token of change.kind === 'replaced' ? change.tokens : []) {
      this.#refreshAnnounced(token, entry.peer);
    }
    this.#noteReach(entry.peer);
  }

  /** Joins an agent anew and tells of it when what is announced of it changed. */
  #refreshAnnounced(token: string, peer: string): void {
    const before = this.#roster.rows.get(token);
    // An agent counts only where the log has it: a node cannot announce those of others.
    if (before === undefined || before.record.peer !== peer) return;
    const after = this.#roster.refresh(token);
    if (after === undefined || after.isSameAs(before)) return;
    this.#components.onEvent({ type: 'agent:announce', data: { ...after.view() } });
  }

  #noteReach(peer: string): void {
    const change = this.#roster.noteReach(peer);
    if (change === undefined) return;
    const tokens = this.#roster.tokensOf(peer);
    if (tokens.length === 0) return;
    this.#components.onEvent({ type: `agent:${change}`, data: { peer, tokens } });
  }

  #onLiveness(peer: string): void {
    if (!this.#isStarted) return;
    const isBack = this.#components.liveness.isReachable(peer);
    const nowMs = this.#components.clock.monotonicMs();
    if (isBack && this.#table.isLive(peer, nowMs)) this.#table.extend(peer, nowMs + GREETED_MS);
    if (this.#table.get(peer) !== undefined) this.#noteReach(peer);
    if (!isBack) return;
    this.#puller.met(peer);
    for (const delayMs of GREETING_MS)
      this.#timers.once(`greet-${delayMs}`, delayMs, () => this.#beat());
  }

  #forget(peer: string): void {
    this.#table.delete(peer);
    this.#stored.changed(peer, undefined);
    this.#roster.forget(peer);
  }

  /** Own agents as they are announced, in the order of their numbers. */
  #ownAgents(): AnnouncedAgent[] {
    return [...this.#roster.rows.ofPeer(this.#components.self)].map(({ record }) => ({
      token: record.token,
      model: record.model,
      ...this.#own.get(record.token),
    }));
  }

  #putOwn(): void {
    const { clock, self } = this.#components;
    const own = { ...this.#announcement.numbers, peer: self, agents: this.#ownAgents() };
    this.#table.putOwn(own, clock.nowMs());
  }

  #announceSoon(): void {
    if (!this.#isStarted) return;
    const sinceMs = this.#components.clock.monotonicMs() - this.#announcedAtMs;
    const delayMs = Math.max(GATHER_MS, ANNOUNCE_GAP_MS - sinceMs);
    this.#timers.once('announce', delayMs, () => this.#announceNow());
  }

  #announceNow(): void {
    const agents = this.#ownAgents();
    if (agents.length === 0 && this.#announcement.numbers.seq === 0) return;
    this.#announcedAtMs = this.#components.clock.monotonicMs();
    try {
      this.#announcement.announce(agents);
    } catch (error) {
      // Too much waits on the topic: the next beat tells the others, and they ask.
      this.#refusedOwn(error);
    }
    this.#putOwn();
    for (const { token } of agents) this.#refreshAnnounced(token, this.#components.self);
  }

  #beat(): void {
    try {
      this.#announcement.beat();
    } catch (error) {
      this.#refusedOwn(error);
    }
    this.#putOwn();
  }

  #refusedOwn(error: unknown): void {
    if (!isCooeeError(error)) throw error;
    this.#logger.warn({ code: error.code }, 'an announcement was not sent');
  }

  #storeBeats(): void {
    const { clock, self } = this.#components;
    for (const entry of this.#table.entries()) {
      const isLive = this.#table.isLive(entry.peer, clock.monotonicMs());
      if (isLive && entry.peer !== self) this.#stored.changed(entry.peer, entry);
    }
  }

  #sweep(): void {
    const { clock } = this.#components;
    for (const { peer } of [...this.#table.entries()]) this.#noteReach(peer);
    const now = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    for (const { peer } of this.#table.dropOld(now)) {
      this.#stored.changed(peer, undefined);
      this.#roster.forget(peer);
    }
    this.#components.metrics.gauge('cooee_capability_agents', this.#roster.rows.listed.length);
  }

  async #loadStored(): Promise<void> {
    for (const original of await this.#stored.load()) {
      try {
        const message = this.#components.gossip.open(original);
        this.#take(message, 'table');
      } catch (error) {
        if (!isCooeeError(error)) throw error;
        this.#logger.debug({ code: error.code }, 'a stored announcement is not valid any more');
      }
    }
  }
}
