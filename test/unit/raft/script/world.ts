import type { Configuration, RaftInput, RaftMessage } from '../../../../protocols/raft/index.ts';
import { type Disk, emptyDisk, type Parcel, SimulatedNode } from '../simulated-node.ts';
import {
  formatMessage,
  formatReady,
  formatSummary,
  isPlainHeartbeat,
  summaryOf,
} from './format.ts';

/** Ticks come this often. */
const TICK_MS = 20;

/** How a node that a script makes differs from an empty one. */
export interface NodeSetup {
  readonly disk: Partial<Disk>;
  /** What every random choice of the node is. */
  readonly fraction: number;
}

/** Nodes, the messages between them and a clock, all of which move only when a script says so. */
export class World {
  readonly nodes = new Map<string, SimulatedNode>();
  readonly timing: Record<string, number> = {};
  nowMs = 1_000;
  /** Whether a new leader's first entry is proposed for it, as the driver does. */
  isAnnouncing = true;
  isVerbose = false;
  #queue: Parcel[] = [];
  #groups: readonly (readonly string[])[] = [];
  readonly #down = new Set<string>();
  readonly #seen = new Map<string, ReadonlyMap<string, string>>();
  #trace: string[] = [];

  add(id: string, configuration: Configuration, { disk, fraction }: NodeSetup): void {
    const init = {
      id,
      configuration,
      random: () => fraction,
      nowMs: this.nowMs,
      timing: this.timing,
    };
    const node = new SimulatedNode(init, { ...emptyDisk(configuration), ...disk });
    this.nodes.set(id, node);
    this.#seen.set(id, summaryOf(node.core.status));
  }

  node(id: string | undefined): SimulatedNode {
    const node = this.nodes.get(id ?? '');
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** The lines since the last call. */
  takeTrace(): string {
    const trace = this.#trace.join('\n');
    this.#trace = [];
    return trace === '' ? 'ok' : trace;
  }

  say(line: string): void {
    this.#trace.push(line);
  }

  input(id: string | undefined, input: RaftInput): void {
    const node = this.node(id);
    node.core.step(input, this.nowMs);
    this.#tell(node);
  }

  /** Lets time pass for the nodes named, without a message delivered. */
  tick(ids: readonly string[], durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    while (this.nowMs < endMs) {
      this.nowMs = Math.min(endMs, this.nowMs + TICK_MS);
      for (const id of this.#alive(ids)) this.input(id, { type: 'tick' });
    }
  }

  /** Lets time pass for the nodes named, everything carried out and delivered. */
  run(ids: readonly string[], durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    while (this.nowMs < endMs) {
      this.tick(ids, Math.min(TICK_MS, endMs - this.nowMs));
      this.settle(ids);
    }
  }

  /** Carries out and delivers until nothing is left to do for the nodes named. */
  settle(ids: readonly string[]): void {
    for (let round = 0; round < 200; round++) {
      const alive = this.#alive(ids);
      for (const id of alive) this.work(id);
      const due = this.#queue.filter(({ message }) => alive.includes(message.to));
      if (due.length === 0) return;
      this.#queue = this.#queue.filter((parcel) => !due.includes(parcel));
      for (const parcel of due) this.#hand(parcel);
    }
    throw new Error('it never settles');
  }

  /** Carries out what the node asks for. */
  work(id: string): void {
    const node = this.node(id);
    if (node.writing !== null) this.endWrite(id);
    this.announce(node);
    while (node.core.hasReady()) {
      this.startWrite(id);
      this.endWrite(id);
    }
  }

  announce(node: SimulatedNode): void {
    const { role, term, lastTerm } = node.core.status;
    if (this.isAnnouncing && role === 'leader' && lastTerm !== term) this.propose(node.id, 1);
  }

  propose(id: string | undefined, count: number, configuration?: Configuration): void {
    const { lastIndex, term } = this.node(id).core.status;
    const entries = Array.from({ length: count }, (_, at) => ({
      index: lastIndex + 1 + at,
      term: Math.max(term, 1),
      bytes: new Uint8Array(),
      ...(configuration !== undefined && { configuration }),
    }));
    this.input(id, { type: 'propose', entries });
  }

  startWrite(id: string | undefined): void {
    const node = this.node(id);
    const { ready, parcels } = node.take();
    for (const line of formatReady(ready)) this.say(`${node.id}: ${line}`);
    for (const parcel of parcels) this.send(parcel);
  }

  endWrite(id: string | undefined): void {
    const node = this.node(id);
    for (const parcel of node.endWrite(this.nowMs)) this.send(parcel);
    this.#tell(node);
  }

  /** Delivers, drops or keeps a copy of what is on its way and matches. */
  pick(match: (message: RaftMessage) => boolean, what: 'deliver' | 'drop' | 'copy'): void {
    const picked = this.#queue.filter(({ message }) => match(message));
    if (what !== 'copy') this.#queue = this.#queue.filter((parcel) => !picked.includes(parcel));
    for (const parcel of picked) {
      if (what === 'drop') this.say(`${formatMessage(parcel.message)} (lost)`);
      else this.#hand(parcel);
    }
  }

  send(parcel: Parcel): void {
    const { message } = parcel;
    const isLost = this.#down.has(message.to) || !this.#isJoined(message.from, message.to);
    if (this.isVerbose || !isPlainHeartbeat(message)) {
      this.say(`${formatMessage(message)}${isLost ? ' (lost)' : ''}`);
    }
    if (!isLost) this.#queue.push(parcel);
  }

  /** Only nodes of one group hear each other; none = all do. */
  part(groups: readonly (readonly string[])[]): void {
    this.#groups = groups;
    this.#queue = this.#queue.filter(({ message }) => this.#isJoined(message.from, message.to));
  }

  down(id: string): void {
    this.#down.add(id);
    this.#queue = this.#queue.filter(({ message }) => message.to !== id);
  }

  up(id: string): void {
    this.#down.delete(id);
    const node = this.node(id);
    node.restart(this.nowMs);
    const summary = summaryOf(node.core.status);
    this.#seen.set(id, summary);
    this.say(`${id}: ${formatSummary(summary)}`);
  }

  #alive(ids: readonly string[]): readonly string[] {
    const all = ids.length > 0 ? ids : [...this.nodes.keys()];
    return all.filter((id) => !this.#down.has(id));
  }

  #isJoined(one: string, other: string): boolean {
    if (this.#groups.length === 0) return true;
    return this.#groups.some((group) => group.includes(one) && group.includes(other));
  }

  #hand({ message, entries }: Parcel): void {
    const node = this.nodes.get(message.to);
    if (node === undefined || this.#down.has(message.to)) return;
    this.input(node.id, { type: 'message', message, entries });
  }

  #tell(node: SimulatedNode): void {
    const summary = summaryOf(node.core.status);
    const changes = formatSummary(summary, this.#seen.get(node.id));
    this.#seen.set(node.id, summary);
    if (changes !== '') this.say(`${node.id}: ${changes}`);
  }
}
