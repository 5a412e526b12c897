import { LIMITS } from '../../interface/index.ts';
import { OrderedList, Postings } from './postings.ts';
import {
  type AgentStatus,
  type AgentView,
  computeStatus,
  computeView,
  foldTerm,
  type ViewSource,
} from './view.ts';

/** When a node was last seen; shared by all of its rows, so that a beat touches one object. */
export interface LastSeen {
  /** ISO 8601. */
  readonly text: string;
}

/**
 * An agent with what is remembered of it for answering: terms, text and JSON. Made anew when it
 * changes.
 */
export class AgentRow {
  readonly record: ViewSource['record'];
  /** Number, then slot. */
  readonly ord: number;
  readonly status: AgentStatus;
  /** Folded capabilities. */
  readonly terms: readonly string[];
  readonly #source: ViewSource;
  readonly #seen: () => LastSeen | undefined;
  #json: string | undefined;
  #haystack: string | undefined;

  /** @param seen - gives the node's sign of life; asked at each answer */
  constructor(source: ViewSource, seen: () => LastSeen | undefined) {
    this.#source = source;
    this.#seen = seen;
    this.record = source.record;
    this.ord = source.record.number * LIMITS.gpuSlotsMax + source.record.gpuSlot;
    this.status = computeStatus(source);
    this.terms = [...new Set((source.announced?.capabilities ?? []).map(foldTerm))];
  }

  view(): AgentView {
    return { ...computeView(this.#source), lastSeen: this.#lastSeen() };
  }

  json(): string {
    const seen = this.#lastSeen();
    return `${this.#head()},"lastSeen":${seen === null ? 'null' : `"${seen}"`}}`;
  }

  /** Whether it says the same of the agent, apart from when it was seen. */
  isSameAs(other: AgentRow): boolean {
    return this.#head() === other.#head();
  }

  /** What free text is looked for in. */
  haystack(): string {
    if (this.#haystack === undefined) {
      const { token, model, hostname, mac, tinyHash } = this.record;
      const capabilities = this.#source.announced?.capabilities ?? [];
      const texts = [token, model, hostname, mac, tinyHash, ...capabilities, ...this.terms];
      this.#haystack = texts.join('\n').toLowerCase();
    }
    return this.#haystack;
  }

  /** The JSON up to `lastSeen`, which changes with each beat. */
  #head(): string {
    this.#json ??= JSON.stringify(computeView(this.#source)).slice(0, -1);
    return this.#json;
  }

  #lastSeen(): string | null {
    return this.#source.announced === undefined ? null : (this.#seen()?.text ?? null);
  }
}

/** All agents in memory, found by what they can do, their status, model and node without a scan. */
export class AgentRows {
  /** Granted agents; retired ones are not listed. */
  readonly listed = new OrderedList<AgentRow>();
  readonly #byToken = new Map<string, AgentRow>();
  readonly #capabilities = new Postings<AgentRow>();
  readonly #statuses = new Postings<AgentRow>();
  readonly #models = new Postings<AgentRow>();
  readonly #peers = new Postings<AgentRow>();

  get size(): number {
    return this.#byToken.size;
  }

  get(token: string): AgentRow | undefined {
    return this.#byToken.get(token);
  }

  /** Adds the row, in the place of the one with its token. */
  put(row: AgentRow): void {
    const before = this.#byToken.get(row.record.token);
    if (before !== undefined) this.#unlist(before);
    this.#byToken.set(row.record.token, row);
    this.#statuses.add(row.status, row);
    if (row.status === 'retired') return;
    this.listed.put(row);
    this.#models.add(row.record.model, row);
    this.#peers.add(row.record.peer, row);
    for (const term of row.terms) this.#capabilities.add(term, row);
  }

  /** @param capability - a trailing `*` asks for the beginning */
  withCapability(capability: string): OrderedList<AgentRow> {
    return capability.endsWith('*')
      ? this.#capabilities.prefix(foldTerm(capability.slice(0, -1)))
      : this.#capabilities.exact(foldTerm(capability));
  }

  withStatus(status: AgentStatus): OrderedList<AgentRow> {
    return this.#statuses.exact(status);
  }

  withModel(prefix: string): OrderedList<AgentRow> {
    return this.#models.prefix(prefix);
  }

  ofPeer(peer: string): OrderedList<AgentRow> {
    return this.#peers.exact(peer);
  }

  #unlist(row: AgentRow): void {
    this.#statuses.remove(row.status, row);
    if (row.status === 'retired') return;
    this.listed.delete(row.ord);
    this.#models.remove(row.record.model, row);
    this.#peers.remove(row.record.peer, row);
    for (const term of row.terms) this.#capabilities.remove(term, row);
  }
}
