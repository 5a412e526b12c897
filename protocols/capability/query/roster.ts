import type { AgentRecord, StateReader } from '../../interface/index.ts';
import type { AnnouncementTable } from '../table/announcement-table.ts';
import { AgentRow, AgentRows, type LastSeen } from './agent-rows.ts';
import { formatIsoTime } from './iso-time.ts';

/** What the roster is built from. */
export interface RosterComponents {
  readonly state: StateReader;
  readonly table: AnnouncementTable;
  /** Whether the node's lease runs and it can be reached. */
  readonly isReachable: (peer: string) => boolean;
}

/**
 * The agents of the log joined with what their nodes announced: what questions are answered from.
 */
export class Roster {
  readonly rows = new AgentRows();
  readonly #components: RosterComponents;
  readonly #seen = new Map<string, LastSeen & { readonly ms: number }>();
  /** Whether each node that announced was reachable when it was looked at last. */
  readonly #reach = new Map<string, boolean>();

  constructor(components: RosterComponents) {
    this.#components = components;
  }

  /** Takes in all agents of the log. */
  load(): void {
    for (const [token] of this.#components.state.entries('agent')) this.refresh(token);
  }

  /** Joins an agent anew; undefined when the log does not know it. */
  refresh(token: string): AgentRow | undefined {
    const record = this.#components.state.get('agent', token);
    return record === undefined ? undefined : this.#join(record);
  }

  /** Joins all agents of a node anew. */
  refreshPeer(peer: string): void {
    for (const row of [...this.rows.ofPeer(peer)]) this.refresh(row.record.token);
  }

  /** Tokens of the listed agents of a node. */
  tokensOf(peer: string): string[] {
    return [...this.rows.ofPeer(peer)].map((row) => row.record.token);
  }

  /**
   * Notes whether a node is reachable; says so when that changed after it had been noted before.
   */
  noteReach(peer: string): 'unreachable' | 'back' | undefined {
    const before = this.#reach.get(peer);
    const after = this.#components.isReachable(peer);
    if (before === after) return undefined;
    this.#reach.set(peer, after);
    this.refreshPeer(peer);
    if (before === undefined) return undefined;
    return after ? 'back' : 'unreachable';
  }

  forget(peer: string): void {
    this.#reach.delete(peer);
    this.#seen.delete(peer);
    this.refreshPeer(peer);
  }

  #join(record: AgentRecord): AgentRow {
    const { table, isReachable } = this.#components;
    const announced = table.get(record.peer)?.agents.get(record.token);
    const source = { record, announced, isReachable: isReachable(record.peer) };
    const row = new AgentRow(source, () => this.#lastSeen(record.peer));
    this.rows.put(row);
    return row;
  }

  /** Formatted once for each sign of life, for all agents of the node. */
  #lastSeen(peer: string): LastSeen | undefined {
    const ms = this.#components.table.get(peer)?.seenMs;
    if (ms === undefined) return undefined;
    const known = this.#seen.get(peer);
    if (known?.ms === ms) return known;
    const seen = { ms, text: formatIsoTime(ms) };
    this.#seen.set(peer, seen);
    return seen;
  }
}
