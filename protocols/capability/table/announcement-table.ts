import type { GossipMessage, Hash } from '../../interface/index.ts';
import { LIMITS } from '../../interface/index.ts';
import { equalBytes } from '../../wire/index.ts';
import {
  type AnnouncedAgent,
  type AnnouncementPart,
  announcementHash,
  type Beat,
} from '../codec.ts';

/** Agents kept of one node: several hosts may have been bound to it. */
const AGENTS_MAX = 4 * LIMITS.agentsPerHostMax;
const DAY_MS = 24 * 60 * 60 * 1000;

/** How a message came: from the topic (fresh by its validator) or out of another member's table. */
export type Via = 'gossip' | 'table';

/** The time at which something is told to the table. */
export interface Now {
  /** Wall clock: what is shown, and what signed times are compared with. */
  readonly nowMs: number;
  /** For leases. */
  readonly monotonicMs: number;
}

/** What a node announced last, as far as is known here. */
export interface NodeEntry {
  readonly peer: string;
  readonly boot: number;
  readonly seq: number;
  /** What a beat must name. */
  readonly hash: Uint8Array;
  /** The signed parts as received. */
  readonly originals: readonly Uint8Array[];
  readonly agents: ReadonlyMap<string, AnnouncedAgent>;
  /** The last signed beat that named it. */
  beat: Uint8Array | undefined;
  /** Wall-clock time of the last sign of life. */
  seenMs: number;
  /** Monotonic time at which the lease ends. */
  leaseUntilMs: number;
}

/** Settings of the table. */
export interface TableInit {
  /** How long a beat is good for: three missed beats of 30 s. @default 90 s */
  readonly leaseMs?: number | undefined;
  /** What has not been seen for so long is forgotten. @default 7 days */
  readonly dropMs?: number | undefined;
}

/**
 * What a message changed: the tokens that were or are in the node's list, or why nothing changed.
 */
export type TableChange =
  | { readonly kind: 'replaced'; readonly entry: NodeEntry; readonly tokens: ReadonlySet<string> }
  | { readonly kind: 'renewed'; readonly entry: NodeEntry }
  /** Nothing new. */
  | { readonly kind: 'old' }
  /** Parts or a whole announcement are missing: the origin has them. */
  | { readonly kind: 'incomplete' };

interface Assembly {
  readonly boot: number;
  readonly seq: number;
  readonly parts: (ReceivedPart | undefined)[];
}

interface ReceivedPart {
  readonly message: GossipMessage;
  readonly value: AnnouncementPart;
}

/** The numbers of an announcement: start of the node, then number in it. */
interface Numbered {
  readonly boot: number;
  readonly seq: number;
}

/** The announcements of all nodes with their leases. Holds no clock: times come in. */
export class AnnouncementTable {
  readonly #sha256: Hash;
  readonly #leaseMs: number;
  readonly #dropMs: number;
  readonly #entries = new Map<string, NodeEntry>();
  readonly #assemblies = new Map<string, Assembly>();

  constructor(sha256: Hash, init: TableInit = {}) {
    this.#sha256 = sha256;
    this.#leaseMs = init.leaseMs ?? 90_000;
    this.#dropMs = init.dropMs ?? 7 * DAY_MS;
  }

  get(peer: string): NodeEntry | undefined {
    return this.#entries.get(peer);
  }

  entries(): IterableIterator<NodeEntry> {
    return this.#entries.values();
  }

  /** Whether the lease of the node runs. */
  isLive(peer: string, monotonicMs: number): boolean {
    const entry = this.#entries.get(peer);
    return entry !== undefined && monotonicMs < entry.leaseUntilMs;
  }

  /**
   * A node that was away is back: a lease that still runs does not end before its first beat had
   * the time to come, or its agents would be shown as away once more.
   */
  extend(peer: string, untilMs: number): void {
    const entry = this.#entries.get(peer);
    if (entry !== undefined) entry.leaseUntilMs = Math.max(entry.leaseUntilMs, untilMs);
  }

  /**
   * Takes in a part of an announcement. It counts as a sign of life of the time it was signed at,
   * like a beat that names it; one out of another's table gets what is left of a lease since then.
   */
  announce(message: GossipMessage, value: AnnouncementPart, at: Now & { via: Via }): TableChange {
    const present = this.#entries.get(message.origin);
    const numbered = { boot: message.boot, seq: value.seq };
    if (present !== undefined && compare(numbered, present) < 0) return { kind: 'old' };
    if (present !== undefined && compare(numbered, present) === 0) {
      const isSame = present.originals.length === value.parts;
      return isSame ? this.#renew(present, message, at) : { kind: 'old' };
    }
    const parts = this.#assemble(message, value);
    if (parts === undefined) return { kind: 'incomplete' };
    this.#assemblies.delete(message.origin);
    return this.#replace(message, parts, at);
  }

  /** Takes in a beat: renews the lease of the announcement that it names. */
  beat(message: GossipMessage, value: Beat, at: Now & { via: Via }): TableChange {
    const entry = this.#entries.get(message.origin);
    const order = entry === undefined ? 1 : compare({ boot: message.boot, seq: value.seq }, entry);
    if (entry === undefined || order > 0) return { kind: 'incomplete' };
    if (order < 0) return { kind: 'old' };
    if (!equalBytes(entry.hash, value.hash)) return { kind: 'old' };
    const change = this.#renew(entry, message, at);
    if (change.kind === 'renewed') entry.beat = message.original;
    return change;
  }

  /** Takes in this node's own list; its lease never ends. */
  putOwn(own: Numbered & { peer: string; agents: readonly AnnouncedAgent[] }, nowMs: number): void {
    this.#entries.set(own.peer, {
      peer: own.peer,
      boot: own.boot,
      seq: own.seq,
      hash: new Uint8Array(0),
      originals: [],
      agents: byToken(own.agents),
      beat: undefined,
      seenMs: nowMs,
      leaseUntilMs: Number.POSITIVE_INFINITY,
    });
  }

  /**
   * Forgets nodes that have not been seen for too long, and says which. A lease that runs outweighs
   * the wall clock, which may have been set.
   */
  dropOld({ nowMs, monotonicMs }: Now): NodeEntry[] {
    const dropped: NodeEntry[] = [];
    for (const entry of this.#entries.values()) {
      const isOld = nowMs - entry.seenMs > this.#dropMs;
      if (isOld && monotonicMs >= entry.leaseUntilMs) dropped.push(entry);
    }
    for (const { peer } of dropped) this.delete(peer);
    return dropped;
  }

  delete(peer: string): void {
    this.#entries.delete(peer);
    this.#assemblies.delete(peer);
  }

  /** The bodies of all parts, once they are there. Of each node only the newest is put together. */
  #assemble(message: GossipMessage, value: AnnouncementPart): ReceivedPart[] | undefined {
    const numbered = { boot: message.boot, seq: value.seq };
    const known = this.#assemblies.get(message.origin);
    const isNewer = known === undefined || compare(numbered, known) > 0;
    const assembly: Assembly = isNewer
      ? { ...numbered, parts: Array.from({ length: value.parts }, () => undefined) }
      : known;
    this.#assemblies.set(message.origin, assembly);
    const isOther = compare(numbered, assembly) < 0 || assembly.parts.length !== value.parts;
    if (isOther) return undefined;
    assembly.parts[value.part] ??= { message, value };
    const parts = assembly.parts.filter((part) => part !== undefined);
    return parts.length === value.parts ? parts : undefined;
  }

  #replace(
    message: GossipMessage,
    parts: readonly ReceivedPart[],
    at: Now & { via: Via },
  ): TableChange {
    const before = this.#entries.get(message.origin);
    const bodies = parts.map((part) => part.message.body);
    const entry: NodeEntry = {
      peer: message.origin,
      boot: message.boot,
      seq: parts[0]?.value.seq ?? 0,
      hash: announcementHash(this.#sha256, bodies),
      originals: parts.map((part) => part.message.original),
      // A node has at most so many agents, however many parts it sends.
      agents: byToken(parts.flatMap(({ value }) => value.agents).slice(0, AGENTS_MAX)),
      beat: undefined,
      seenMs: before?.seenMs ?? 0,
      leaseUntilMs: before?.leaseUntilMs ?? Number.NEGATIVE_INFINITY,
    };
    this.#renew(entry, message, at);
    this.#entries.set(message.origin, entry);
    const tokens = new Set([...(before?.agents.keys() ?? []), ...entry.agents.keys()]);
    return { kind: 'replaced', entry, tokens };
  }

  /** Extends the lease by what the message is worth; never shortens it. */
  #renew(entry: NodeEntry, { timeMs }: GossipMessage, at: Now & { via: Via }): TableChange {
    const isAhead = timeMs - at.nowMs > LIMITS.timeWindowMs;
    const ageMs = at.via === 'gossip' ? 0 : Math.max(0, at.nowMs - timeMs);
    const seenMs = at.via === 'gossip' ? at.nowMs : Math.min(timeMs, at.nowMs);
    const untilMs = at.monotonicMs + this.#leaseMs - ageMs;
    if (isAhead || (untilMs <= entry.leaseUntilMs && seenMs <= entry.seenMs)) {
      return { kind: 'old' };
    }
    // What is seen now is seen now, also by a clock that was set back.
    entry.seenMs = at.via === 'gossip' ? seenMs : Math.max(entry.seenMs, seenMs);
    entry.leaseUntilMs = Math.max(entry.leaseUntilMs, untilMs);
    return { kind: 'renewed', entry };
  }
}

function compare(a: Numbered, b: Numbered): number {
  return a.boot - b.boot || a.seq - b.seq;
}

function byToken(agents: readonly AnnouncedAgent[]): ReadonlyMap<string, AnnouncedAgent> {
  return new Map(agents.map((agent) => [agent.token, agent]));
}
