import type { Configuration, RaftEntry } from '../../../protocols/raft/index.ts';
import { type Parcel, SimulatedNode } from './simulated-node.ts';

/** A small, seedable generator (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Read {
  readonly node: string;
  /** The highest index that anyone knew committed when it was asked. */
  readonly floor: number;
}

/** What is broken on purpose. Each is a chance per step. */
export interface Faults {
  readonly drop: number;
  readonly duplicate: number;
  readonly crash: number;
  readonly cut: number;
  readonly compact: number;
  readonly change: number;
  readonly transfer: number;
  readonly freeze: number;
}

/**
 * Cores over a network that loses, repeats and reorders, on disks that lose what was not yet
 * written. Checks the paper's safety properties (figure 3) after each step.
 */
export class RandomNetwork {
  readonly nodes = new Map<string, SimulatedNode>();
  readonly random: () => number;
  readonly faults: Faults;
  nowMs = 0;
  #parcels: Parcel[] = [];
  /** Pairs that cannot talk. */
  #cut = new Set<string>();
  /** Nodes that stand still, and until when. */
  readonly #frozen = new Map<string, number>();
  readonly #leaders = new Map<number, string>();
  /** By index: the entry that was committed there. */
  readonly #committed: RaftEntry[] = [];
  readonly #commits = new Map<string, number>();
  readonly #reads = new Map<number, Read>();
  #nextRead = 1;
  #nextPayload = 1;
  readsAnswered = 0;
  changes = 0;
  installs = 0;
  elections = 0;

  constructor(ids: readonly string[], voters: readonly string[], seed: number, faults: Faults) {
    this.random = seeded(seed);
    this.faults = faults;
    const configuration = { voters, learners: [] };
    for (const id of ids) {
      const init = { id, configuration, random: this.random, nowMs: 0 };
      this.nodes.set(id, new SimulatedNode(init));
    }
  }

  get committedCount(): number {
    return this.#committed.length;
  }

  get leader(): SimulatedNode | undefined {
    return [...this.nodes.values()]
      .filter((node) => node.core.status.role === 'leader')
      .sort((a, b) => b.core.status.term - a.core.status.term)[0];
  }

  /** One random thing happens. */
  step(): void {
    const { faults } = this;
    this.nowMs += Math.floor(this.random() * 8);
    const node = this.#pick([...this.nodes.values()]);
    const chance = this.random();
    if (chance < 0.45) this.#deliver();
    else if (chance < 0.65) this.#work(node);
    else if (chance < 0.8) this.#tickAll();
    else if (chance < 0.9) this.#propose();
    else if (chance < 0.93) this.#read();
    if (this.random() < faults.crash) this.#crash(node);
    if (this.random() < faults.cut) this.#cutOrHeal();
    if (this.random() < faults.compact) this.#compact(node);
    if (this.random() < faults.change) this.#change();
    if (this.random() < faults.transfer) this.#transfer(node);
    if (this.random() < faults.freeze) this.#frozen.set(node.id, this.nowMs + this.random() * 900);
    this.#check();
  }

  /** No more faults: everything that is asked for arrives, for so long. */
  settle(durationMs: number): void {
    this.#cut.clear();
    this.#frozen.clear();
    const endMs = this.nowMs + durationMs;
    while (this.nowMs < endMs) {
      this.nowMs += 5;
      for (const node of this.nodes.values()) {
        node.core.step({ type: 'tick' }, this.nowMs);
        this.#work(node);
        this.#work(node);
      }
      const parcels = this.#parcels;
      this.#parcels = [];
      for (const parcel of parcels) this.#hand(parcel);
      this.#check();
    }
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)]!;
  }

  #isFrozen(id: string): boolean {
    return (this.#frozen.get(id) ?? 0) > this.nowMs;
  }

  #tickAll(): void {
    for (const node of this.nodes.values()) {
      if (!this.#isFrozen(node.id)) node.core.step({ type: 'tick' }, this.nowMs);
    }
  }

  /** Starts a write or ends one. */
  #work(node: SimulatedNode): void {
    if (this.#isFrozen(node.id)) return;
    if (node.writing !== null) {
      this.#parcels.push(...node.endWrite(this.nowMs));
      return;
    }
    const { role, term, lastTerm } = node.core.status;
    // As the driver announces a new leader: what is there is committed with it.
    if (role === 'leader' && lastTerm !== term) this.#proposeTo(node, 1);
    if (!node.core.hasReady()) return;
    const { ready, parcels } = node.take();
    this.#parcels.push(...parcels);
    for (const read of ready.reads) {
      const asked = this.#reads.get(read.id);
      this.#reads.delete(read.id);
      if (asked === undefined || read.index === 0) continue;
      this.readsAnswered++;
      if (read.index < asked.floor) throw new Error(`read ${read.index} below ${asked.floor}`);
    }
    if (ready.fetchSnapshot !== undefined) this.#fetch(node, ready.fetchSnapshot.index);
  }

  #fetch(node: SimulatedNode, index: number): void {
    const source = [...this.nodes.values()].find(
      (other) => other.id !== node.id && other.base.index >= index,
    );
    if (source === undefined) return;
    this.#parcels.push(...node.endWrite(this.nowMs));
    const { configuration } = source.disk;
    node.install({ ...source.base, configuration }, this.nowMs);
    this.installs++;
  }

  #deliver(): void {
    if (this.#parcels.length === 0) return;
    const at = Math.floor(this.random() * Math.min(this.#parcels.length, 12));
    const parcel = this.#parcels[at]!;
    if (this.random() >= this.faults.duplicate) this.#parcels.splice(at, 1);
    if (this.random() < this.faults.drop) return;
    this.#hand(parcel);
    if (this.#parcels.length > 400) this.#parcels.splice(0, 200);
  }

  #hand({ message, entries }: Parcel): void {
    const { from, to } = message;
    const node = this.nodes.get(to);
    if (node === undefined || this.#isFrozen(to) || this.#isCut(from, to)) return;
    node.core.step({ type: 'message', message, entries }, this.nowMs);
  }

  #isCut(one: string, other: string): boolean {
    return this.#cut.has([one, other].sort().join());
  }

  #propose(): void {
    const node = this.#pick([...this.nodes.values()]);
    if (node.core.status.role !== 'leader' || this.#isFrozen(node.id)) return;
    this.#proposeTo(node, 1 + Math.floor(this.random() * 3));
  }

  #proposeTo(node: SimulatedNode, count: number): void {
    const { lastIndex, term } = node.core.status;
    const entries = Array.from({ length: count }, (_, at) => ({
      index: lastIndex + 1 + at,
      term,
      bytes: Uint8Array.of(this.#nextPayload++ % 251),
    }));
    node.core.step({ type: 'propose', entries }, this.nowMs);
  }

  #change(): void {
    const node = this.leader;
    if (node === undefined || this.#isFrozen(node.id)) return;
    const { lastIndex, term, configuration } = node.core.status;
    const peer = this.#pick([...this.nodes.keys()]);
    const next = changed(configuration, peer);
    if (next.voters.length === 0) return;
    const entry = { index: lastIndex + 1, term, bytes: new Uint8Array(), configuration: next };
    node.core.step({ type: 'propose', entries: [entry] }, this.nowMs);
    if (node.core.status.configuration === next) this.changes++;
  }

  #read(): void {
    const node = this.#pick([...this.nodes.values()]);
    if (this.#isFrozen(node.id)) return;
    const id = this.#nextRead++;
    this.#reads.set(id, { node: node.id, floor: this.#committed.length });
    node.core.step({ type: 'read', id }, this.nowMs);
  }

  #transfer(node: SimulatedNode): void {
    const leader = this.leader;
    if (leader !== undefined && !this.#isFrozen(leader.id)) {
      leader.core.step({ type: 'transfer', to: node.id }, this.nowMs);
    }
  }

  #crash(node: SimulatedNode): void {
    for (const [id, read] of this.#reads) if (read.node === node.id) this.#reads.delete(id);
    node.restart(this.nowMs);
    this.#commits.delete(node.id);
    this.#tellConnection(node.id, 'connection-lost');
    this.#tellConnection(node.id, 'connected');
  }

  #tellConnection(peer: string, type: 'connected' | 'connection-lost'): void {
    for (const other of this.nodes.values()) {
      if (other.id !== peer) other.core.step({ type, peer }, this.nowMs);
    }
  }

  #cutOrHeal(): void {
    const ids = [...this.nodes.keys()];
    const pair = [this.#pick(ids), this.#pick(ids)].sort();
    const [one, other] = [this.nodes.get(pair[0]!)!, this.nodes.get(pair[1]!)!];
    if (one === other) return;
    const isCut = this.#cut.delete(pair.join());
    if (!isCut) this.#cut.add(pair.join());
    if (this.random() < 0.5) return;
    const type = isCut ? 'connected' : 'connection-lost';
    one.core.step({ type, peer: other.id }, this.nowMs);
    other.core.step({ type, peer: one.id }, this.nowMs);
  }

  #compact(node: SimulatedNode): void {
    if (node.writing !== null || this.#isFrozen(node.id)) return;
    const index = Math.min(node.core.status.commit, node.applied);
    const isDurable = node.disk.base.index + node.disk.entries.length >= index;
    if (index > node.base.index && isDurable) node.compact(index, this.nowMs);
  }

  /** Figure 3 of the paper, and that what was told committed stays so. */
  #check(): void {
    for (const node of this.nodes.values()) {
      const { role, term, commit } = node.core.status;
      if (role === 'leader') this.#checkLeader(node.id, term);
      if (commit < (this.#commits.get(node.id) ?? 0)) throw new Error(`${node.id}: commit fell`);
      this.#commits.set(node.id, commit);
      this.#checkCommitted(node, node.told);
      if (node.core.status.canVote !== node.disk.canVote)
        throw new Error(`${node.id} lost its log`);
      if (node.core.status.ignoredCount > 0) throw new Error(`${node.id} ignored something`);
    }
  }

  #checkLeader(id: string, term: number): void {
    const known = this.#leaders.get(term);
    if (known === id) return;
    if (known !== undefined) throw new Error(`${known} and ${id} lead term ${term}`);
    this.#leaders.set(term, id);
    this.elections++;
    // Leader completeness: it has all that was committed in earlier terms.
    const node = this.nodes.get(id)!;
    const { lastIndex } = node.core.status;
    if (lastIndex < this.#committed.length)
      throw new Error(`${id} leads without what is committed`);
    this.#checkCommitted(node, this.#committed.length);
  }

  #checkCommitted(node: SimulatedNode, to: number): void {
    if (to > node.lastIndex) throw new Error(`${node.id} was told of more than it has`);
    for (let index = node.base.index + 1; index <= to; index++) {
      const entry = node.entryAt(index)!;
      const known = this.#committed[index - 1];
      if (known === undefined) {
        this.#committed.push(entry);
      } else if (known !== entry && (known.term !== entry.term || known.bytes !== entry.bytes)) {
        throw new Error(`${node.id} has another entry ${index}: ${entry.term}, not ${known.term}`);
      }
    }
  }
}

/** Adds the peer as a learner, makes a learner a voter, takes a voter out. */
function changed({ voters, learners }: Configuration, peer: string): Configuration {
  if (voters.includes(peer)) return { voters: voters.filter((it) => it !== peer), learners };
  if (!learners.includes(peer)) return { voters, learners: [...learners, peer] };
  return { voters: [...voters, peer], learners: learners.filter((it) => it !== peer) };
}
