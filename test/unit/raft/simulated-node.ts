import {
  type Configuration,
  RaftCore,
  type RaftEntry,
  type RaftHardState,
  type RaftMessage,
  type RaftTiming,
  type Ready,
} from '../../../protocols/raft/index.ts';

/** What is on the disk of a node. */
export interface Disk {
  hardState: RaftHardState;
  base: { index: number; term: number };
  /** At the base. */
  configuration: Configuration;
  configurationIndex: number;
  entries: RaftEntry[];
  canVote: boolean;
}

export interface SimulatedInit {
  readonly id: string;
  readonly configuration: Configuration;
  readonly random: () => number;
  readonly nowMs: number;
  readonly timing?: Partial<RaftTiming>;
}

/** A message with what the driver put into it. */
export interface Parcel {
  readonly message: RaftMessage;
  readonly entries: readonly RaftEntry[];
}

export const emptyDisk = (configuration: Configuration): Disk => ({
  hardState: { term: 0, vote: null, commit: 0 },
  base: { index: 0, term: 0 },
  configuration,
  configurationIndex: 0,
  entries: [],
  canVote: true,
});

/** A core with a disk whose writes end when they are told to: a driver without I/O. */
export class SimulatedNode {
  readonly id: string;
  readonly #init: SimulatedInit;
  core: RaftCore;
  disk: Disk;
  /** The log as the driver has it in memory: on the disk or on the way there. */
  log: RaftEntry[] = [];
  base: Disk['base'];
  applied = 0;
  /** The commit index that the last Ready told: the log above has the entries up to it. */
  told = 0;
  writing: Ready | null = null;

  constructor(init: SimulatedInit, disk = emptyDisk(init.configuration)) {
    this.id = init.id;
    this.#init = init;
    this.disk = disk;
    this.base = disk.base;
    this.log = [...disk.entries];
    this.core = this.#start(init.nowMs);
  }

  get lastIndex(): number {
    return this.base.index + this.log.length;
  }

  entryAt(index: number): RaftEntry | undefined {
    return this.log[index - this.base.index - 1];
  }

  /** Takes a Ready and starts its write; what may go out at once is returned. */
  take(): { readonly ready: Ready; readonly parcels: readonly Parcel[] } {
    const ready = this.core.takeReady();
    if (ready.truncateFrom !== undefined) {
      this.log.length = ready.truncateFrom - this.base.index - 1;
    }
    this.log.push(...ready.entries);
    this.told = ready.commit;
    this.writing = ready;
    return { ready, parcels: ready.messagesNow.map((message) => this.#pack(message)) };
  }

  /** The write ends: what it allows to send is returned. */
  endWrite(nowMs: number): readonly Parcel[] {
    const ready = this.writing;
    if (ready === null) throw new Error('nothing is being written');
    this.writing = null;
    const { disk } = this;
    if (ready.truncateFrom !== undefined) {
      disk.entries.length = ready.truncateFrom - disk.base.index - 1;
    }
    disk.entries.push(...ready.entries);
    if (ready.hardState !== undefined) disk.hardState = ready.hardState;
    this.applied = Math.max(this.applied, ready.commit);
    this.core.step({ type: 'persisted' }, nowMs);
    return ready.messagesAfter.map((message) => this.#pack(message));
  }

  /** The process dies with whatever it was writing, and comes back. */
  restart(nowMs: number): void {
    this.writing = null;
    this.base = this.disk.base;
    this.log = [...this.disk.entries];
    this.applied = this.disk.base.index;
    this.told = this.disk.base.index;
    this.core = this.#start(nowMs);
  }

  /** Forgets the entries up to `index`, on the disk and here. Only between two writes. */
  compact(index: number, nowMs: number): void {
    const { disk } = this;
    const term = this.entryAt(index)?.term;
    if (term === undefined || this.writing !== null) throw new Error('cannot compact');
    for (const entry of this.log.slice(0, index - this.base.index)) {
      if (entry.configuration === undefined) continue;
      disk.configuration = entry.configuration;
      disk.configurationIndex = entry.index;
    }
    this.log = this.log.slice(index - this.base.index);
    this.base = { index, term };
    disk.entries = disk.entries.filter((entry) => entry.index > index);
    disk.base = this.base;
    this.core.step({ type: 'compacted', index }, nowMs);
  }

  /** A fetched state replaces what is here. Only between two writes. */
  install(
    place: { readonly index: number; readonly term: number; readonly configuration: Configuration },
    nowMs: number,
  ): void {
    if (this.writing !== null) throw new Error('cannot install');
    const { index, term, configuration } = place;
    if (index > this.core.status.commit) {
      const isTailKept = index <= this.lastIndex && this.entryAt(index)?.term === term;
      this.log = isTailKept ? this.log.slice(index - this.base.index) : [];
      // What was taken up but not handed out yet is the core's to hand out.
      this.disk.entries = isTailKept
        ? this.disk.entries.filter((entry) => entry.index > index)
        : [];
      this.base = { index, term };
      this.disk.base = this.base;
      this.disk.configuration = configuration;
      this.disk.configurationIndex = index;
      this.applied = index;
    }
    this.core.step({ type: 'snapshot-installed', index, term, configuration }, nowMs);
  }

  #start(nowMs: number): RaftCore {
    const { disk } = this;
    const { timing, random } = this.#init;
    return new RaftCore({
      self: this.id,
      hardState: disk.hardState,
      base: disk.base,
      configuration: disk.configuration,
      configurationIndex: disk.configurationIndex,
      log: disk.entries,
      canVote: disk.canVote,
      random,
      nowMs,
      ...(timing !== undefined && { timing }),
    });
  }

  #pack(message: RaftMessage): Parcel {
    if (message.type !== 'append') return { message, entries: [] };
    const entries: RaftEntry[] = [];
    for (let at = 1; at <= message.count; at++) {
      const entry = this.entryAt(message.prevIndex + at);
      if (entry === undefined) throw new Error(`${this.id} cannot read ${message.prevIndex + at}`);
      entries.push(entry);
    }
    return { message, entries };
  }
}
