import {
  CooeeError,
  type KeyValueStore,
  type LogStore,
} from '../../../protocols/interface/index.ts';
import {
  type Configuration,
  RaftCore,
  type RaftEntry,
  type RaftInput,
  type RaftMessage,
  type RaftStatus,
  type Ready,
} from '../../../protocols/raft/index.ts';
import { decodeLinkMessage, encodeRaft } from '../../../protocols/slurp/driver/raft-codec.ts';
import { decodeCanonical, encodeCanonical } from '../../../protocols/wire/index.ts';
import type { Machine, Program } from '../world/machine.ts';
import type { SideMessage } from '../world/network.ts';
import type { SimProcess } from '../world/process.ts';
import type { SimRandom } from '../world/random.ts';
import { Violation } from '../world/world.ts';
import type { CoreCluster } from './core-cluster.ts';

const TICK_MS = 30;
/** Entries that stay when the log is compacted. */
const KEPT = 5;

/** Half an election timeout: who heard its leader within this is not without one. */
const HEARD_MS = 200;
const LEADERS: ReadonlySet<string> = new Set(['append', 'heartbeat', 'snapshot']);

type VoteRequest = Extract<RaftMessage, { readonly isTransfer: boolean }>;

/** Turns of the core that follow from one event without any time passing. */
const ROUNDS_MAX = 1_000;

/** What a disk says when it fails; anything else that it says is a fault of its user. */
const DISK_CODES: ReadonlySet<string> = new Set(['ERR_STORAGE_DISK_FULL', 'ERR_STORAGE_IO']);

/** What an entry of this simulation holds. */
export interface Operation {
  readonly id: number;
  readonly configuration?: Configuration;
}

/** Where a log begins. */
export interface Base {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
  readonly configurationIndex: number;
}

/** The smallest driver that can be: persists, then sends. It shows what the core alone is worth. */
export class CoreNode implements Program {
  readonly process: SimProcess;
  readonly #cluster: CoreCluster;
  readonly #machine: Machine;
  readonly #random: SimRandom;
  readonly #log: LogStore;
  readonly #store: KeyValueStore;
  #core: RaftCore | undefined;
  #base: Base;
  /** Behind the base. */
  #entries: RaftEntry[] = [];
  #isPumping = false;
  #reads = new Map<number, number>();
  #readId = 0;
  #announced = 0;
  /** Whose word as a leader came last, and when. */
  #heard: string | undefined;
  #heardMs = 0;
  /** As this node was told. */
  readonly #connected = new Set<string>();
  #told = '';

  constructor(cluster: CoreCluster, machine: Machine, process: SimProcess) {
    this.#cluster = cluster;
    this.#machine = machine;
    this.process = process;
    this.#random = cluster.world.random.fork();
    const { log, store } = machine.disk.of(process);
    this.#log = log;
    this.#store = store;
    this.#base = { index: 0, term: 0, configuration: cluster.first, configurationIndex: 0 };
    this.#open().catch((error: unknown) => this.#die(error));
  }

  get status(): RaftStatus | undefined {
    return this.#core?.status;
  }

  /** The place of its state in the log: what a peer that fetches it gets. */
  get snapshot(): Base | undefined {
    const index = Math.min(this.#cluster.book.commitOf(this.#machine.name), this.#lastIndex);
    if (index <= this.#base.index) return this.#base.index === 0 ? undefined : this.#base;
    const entry = this.#entries[index - this.#base.index - 1];
    return entry && { index, term: entry.term, ...this.#configurationAt(index) };
  }

  onMessage(from: string, bytes: Uint8Array): void {
    const decoded = decodeLinkMessage(bytes, { from, to: this.#machine.peer });
    if (decoded.kind !== 'raft') return;
    const { message } = decoded;
    if (LEADERS.has(message.type) && message.term >= (this.status?.term ?? 0)) {
      this.#heard = from;
      this.#heardMs = this.#cluster.world.nowMs;
    }
    if (message.type === 'vote') this.#takeVoteRequest(message);
    else if (message.type !== 'append') this.#input({ type: 'message', message });
    else {
      const { prevIndex } = message;
      const entries = decoded.entries.map((it, i) => entryOf(prevIndex + 1 + i, it));
      this.#input({ type: 'message', message, entries });
    }
  }

  /** While a voter hears its leader it helps nobody else into its place. */
  #takeVoteRequest(message: VoteRequest): void {
    const before = this.status;
    const silentMs = this.#cluster.world.nowMs - this.#heardMs;
    this.#input({ type: 'message', message });
    const after = this.status;
    const isFollowing =
      before?.role === 'follower' &&
      before.leader === this.#heard &&
      before.leader !== null &&
      this.#connected.has(before.leader);
    if (!isFollowing || message.isTransfer || silentMs > HEARD_MS) return;
    if (before.term < message.term && after?.term === message.term && after.vote === message.from) {
      const who = `${this.#machine.name} votes ${silentMs.toFixed(1)} ms after its leader spoke`;
      this.#cluster.fail(new Violation('no-needless-election', who));
    }
  }

  onSideMessage(_from: string, _message: SideMessage): void {
    // Nothing here asks.
  }

  onPeer(peer: string, event: 'broken' | 'connected' | 'disconnected'): void {
    if (event === 'connected') this.#connected.add(peer);
    if (event === 'disconnected') this.#connected.delete(peer);
    if (event === 'disconnected' && peer === this.#heard) this.#heard = undefined;
    if (event === 'broken') this.#input({ type: 'unreachable', peer });
    else this.#input({ type: event === 'connected' ? 'connected' : 'connection-lost', peer });
  }

  onKilled(): void {
    this.#core = undefined;
  }

  propose(id: number, configuration?: Configuration): void {
    const status = this.status;
    if (status?.role !== 'leader') return;
    const operation = { id, ...(configuration === undefined ? {} : { configuration }) };
    const index = status.lastIndex + 1;
    const bytes = encodeCanonical([status.term, operation]);
    const entry = { index, term: status.term, bytes };
    const entries = [configuration === undefined ? entry : { ...entry, configuration }];
    this.#input({ type: 'propose', entries });
    this.#cluster.proposed(id, this.status);
  }

  read(): void {
    const id = ++this.#readId;
    this.#reads.set(id, this.#cluster.book.commit);
    this.#input({ type: 'read', id });
  }

  transfer(to: string): void {
    this.#input({ type: 'transfer', to });
  }

  async #open(): Promise<void> {
    await this.#store.open();
    await this.#log.open();
    const stored = await this.#store.get('meta', 'snapshot');
    if (stored !== undefined) this.#base = decodeCanonical(stored, 65_536) as Base;
    // The process ended between the two writes of a compaction or of a snapshot.
    if (this.#log.firstIndex <= this.#base.index) await this.#cut(this.#base);
    const { firstIndex } = this.#log;
    const records = await this.#log.read(firstIndex, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE);
    this.#entries = records.map(({ index, bytes }) => entryOf(index, bytes));
    this.#cluster.book.started(this.#machine.name, this.#base, this.#entries);
    const core = new RaftCore({
      self: this.#machine.peer,
      hardState: this.#log.hardState,
      base: this.#base,
      configuration: this.#base.configuration,
      configurationIndex: this.#base.configurationIndex,
      log: this.#entries,
      canVote: true,
      timing: this.#cluster.timing,
      random: () => this.#random.fraction(),
      nowMs: this.#machine.clock.monotonicMs(),
    });
    this.#core = core;
    for (const peer of this.#cluster.peersOf(this.#machine)) {
      if (this.#cluster.network.isConnected(this.#machine.peer, peer)) {
        this.#connected.add(peer);
        this.#input({ type: 'connected', peer });
      }
    }
    this.#tick();
  }

  #tick(): void {
    this.#machine.clock.of(this.process).schedule(TICK_MS, () => this.#tick());
    this.#input({ type: 'tick' });
    const status = this.status;
    if (status?.role === 'leader' && this.#announced !== status.term) {
      this.#announced = status.term;
      this.#cluster.book.leads(this.#machine.name, status.term);
      this.propose(-status.term);
    }
  }

  #input(input: RaftInput): void {
    if (this.#core === undefined) return;
    this.#core.step(input, this.#machine.clock.monotonicMs());
    this.#tellRole(this.#core.status);
    if (!this.#isPumping) {
      this.#isPumping = true;
      this.#pump()
        .catch((error: unknown) => this.#die(error))
        .finally(() => {
          this.#isPumping = false;
        });
    }
  }

  #tellRole({ role, term, leader, vote }: RaftStatus): void {
    if (role === 'leader') this.#cluster.book.leads(this.#machine.name, term);
    const names = [leader, vote].map((peer) => (peer === null ? '-' : this.#cluster.nameOf(peer)));
    const told = `${role} of term ${term}, leader ${names[0]}, vote ${names[1]}`;
    if (told === this.#told) return;
    this.#told = told;
    if (role === 'leader') this.#cluster.onElected(this.#machine);
    this.#cluster.world.log(`${this.#machine.name} is ${told}`);
  }

  async #pump(): Promise<void> {
    const { world } = this.#cluster;
    let rounds = 0;
    let { step } = world;
    while (this.#core?.hasReady() === true) {
      const ready = this.#core.takeReady();
      if (world.step !== step) rounds = 0;
      step = world.step;
      if (++rounds > ROUNDS_MAX) throw new Violation('no-livelock', JSON.stringify(ready));
      this.#hold(ready);
      this.#send(ready.messagesNow);
      if (await this.#persist(ready)) this.#core?.step({ type: 'persisted' }, this.#now());
      this.#send(ready.messagesAfter);
      this.#cluster.book.committed(this.#machine.name, Math.max(ready.commit, this.#base.index));
      this.#answerReads(ready);
      if (ready.fetchSnapshot !== undefined) await this.#install(ready.fetchSnapshot);
      else if (this.#random.chance(0.01)) await this.#compact(ready.commit);
    }
  }

  /** In memory at once: appends on their way to others are read from here. */
  #hold({ truncateFrom, entries }: Ready): void {
    const { book } = this.#cluster;
    if (truncateFrom !== undefined) {
      this.#entries.length = truncateFrom - this.#base.index - 1;
      book.truncated(this.#machine.name, truncateFrom);
    }
    this.#entries.push(...entries);
    const [first] = entries;
    if (first !== undefined) book.appended(this.#machine.name, first.index, entries);
  }

  async #persist({ truncateFrom, entries, hardState }: Ready): Promise<boolean> {
    if (truncateFrom !== undefined) await this.#log.truncateFrom(truncateFrom);
    const isWrite = entries.length > 0 || hardState !== undefined;
    if (isWrite) await this.#log.append(entries, hardState);
    return isWrite || truncateFrom !== undefined;
  }

  #send(messages: readonly RaftMessage[]): void {
    for (const message of messages) {
      const { to } = message;
      const entries = message.type === 'append' ? this.#range(message) : [];
      const isSent =
        entries !== undefined &&
        this.#cluster.carry(this.#machine.peer, to, encodeRaft(message, entries, 0));
      if (!isSent && (message.type === 'append' || message.type === 'snapshot')) {
        this.process.run(() => this.#input({ type: 'unreachable', peer: to }));
      }
    }
  }

  #range(message: Extract<RaftMessage, { type: 'append' }>): readonly Uint8Array[] | undefined {
    const from = message.prevIndex - this.#base.index;
    const entries = this.#entries.slice(Math.max(0, from), from + message.count);
    return entries.length === message.count ? entries.map(({ bytes }) => bytes) : undefined;
  }

  #answerReads(ready: Ready): void {
    for (const { id, index } of ready.reads) {
      const floor = this.#reads.get(id) ?? 0;
      this.#reads.delete(id);
      if (index > 0) this.#cluster.book.read(this.#machine.name, index, floor);
    }
  }

  async #compact(commit: number): Promise<void> {
    const index = Math.min(commit, this.#log.lastIndex) - KEPT;
    const entry = this.#entries[index - this.#base.index - 1];
    if (entry === undefined) return;
    const base = { index, term: entry.term, ...this.#configurationAt(index) };
    await this.#keep(base);
    await this.#cut(base);
    this.#entries = this.#entries.slice(index - this.#base.index);
    this.#base = base;
    this.#core?.step({ type: 'compacted', index }, this.#now());
  }

  /** Fetches the state of a peer: here no more than its place in the log. */
  async #install(fetch: { readonly from: string; readonly index: number }): Promise<void> {
    const offer = this.#cluster.snapshotOf(fetch.from);
    if (offer === undefined || offer.index < fetch.index) return;
    if (offer.index <= this.#base.index) return;
    await this.#keep(offer);
    await this.#cut(offer);
    const kept = this.#log.lastIndex - offer.index;
    this.#entries = kept > 0 ? this.#entries.slice(-kept) : [];
    this.#base = offer;
    this.#cluster.book.restored(this.#machine.name, offer, this.#entries);
    const { index, term, configuration } = offer;
    this.#core?.step({ type: 'snapshot-installed', index, term, configuration }, this.#now());
  }

  async #keep(base: Base): Promise<void> {
    const value = encodeCanonical(base);
    await this.#store.batch([{ namespace: 'meta', key: 'snapshot', value }], { sync: true });
  }

  /** Entries behind the base stay when the log agrees with it. */
  async #cut({ index, term }: Base): Promise<void> {
    const isKept = this.#log.termOf(index) === term;
    if (!isKept && this.#log.lastIndex > index) await this.#log.truncateFrom(this.#log.firstIndex);
    await this.#log.compactBefore(index + 1);
  }

  #configurationAt(index: number): Pick<Base, 'configuration' | 'configurationIndex'> {
    for (let at = index; at > this.#base.index; at--) {
      const configuration = this.#entries[at - this.#base.index - 1]?.configuration;
      if (configuration !== undefined) return { configuration, configurationIndex: at };
    }
    const { configuration, configurationIndex } = this.#base;
    return { configuration, configurationIndex };
  }

  get #lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }

  #now(): number {
    return this.#machine.clock.monotonicMs();
  }

  /** A disk that fails, or a fault of the core: the process ends. */
  #die(error: unknown): void {
    if (error instanceof CooeeError && DISK_CODES.has(error.code)) this.#machine.kill(false);
    else this.#cluster.fail(error);
  }
}

function entryOf(index: number, bytes: Uint8Array): RaftEntry {
  const [term, operation] = decodeCanonical(bytes, 65_536) as [number, Operation];
  const { configuration } = operation;
  return { index, term, bytes, ...(configuration === undefined ? {} : { configuration }) };
}
