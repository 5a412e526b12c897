import { isCooeeError, type Signer, toError } from '../../../protocols/interface/index.ts';
import type { MeshLog } from '../../../protocols/slurp/index.ts';
import type { Branch } from '../check/branch.ts';
import { EpochBook } from '../check/epoch-book.ts';
import { RaftBook } from '../check/raft-book.ts';
import { StateBook } from '../check/state-book.ts';
import { simSigner } from '../world/crypto.ts';
import { Machine } from '../world/machine.ts';
import { type HarmName, Nemesis } from '../world/nemesis.ts';
import { SimNetwork } from '../world/network.ts';
import type { SimProcess } from '../world/process.ts';
import type { SimRandom } from '../world/random.ts';
import type { RunInit, RunResult } from '../world/run.ts';
import { Violation, World } from '../world/world.ts';
import { Clients } from './clients.ts';
import { type Founding, foundMesh } from './founding.ts';
import { MeshNode } from './mesh-node.ts';
import { Disaster } from './recovery/disaster.ts';
import { idOf, keptRows, recoveryOf } from './recovery/links.ts';

const MESH_HARMS = [
  'kill',
  'lose-power',
  'lose-all-power',
  'freeze',
  'partition',
  'one-way',
  'slow-links',
  'reset',
  'break-stream',
  'clock-jump',
  'slow-disk',
  'full-disk',
  'failed-sync',
  'flip-bit',
  'empty-disk',
  'back-up',
  'restore',
] as const satisfies readonly HarmName[];

/** After the last harm everything that was accepted is decided within this time. */
const CALM_MS = 60_000;
/** Longer than an election timeout: what the last harm began is over by then. */
const LAST_HARM_MS = 1_000;
/** Where the operator has to come first. */
const DISASTER_CALM_MS = 150_000;

/** The replicated log of a mesh, whole: core, driver, state, storage, heads, snapshots. */
export class MeshCluster {
  readonly world: World;
  readonly network: SimNetwork;
  readonly book: RaftBook;
  readonly states = new StateBook();
  readonly epochs = new EpochBook();
  readonly disaster: Disaster;
  readonly founding: Founding;
  readonly machines: readonly Machine[];
  readonly #nodes = new Map<Machine, MeshNode>();
  readonly #signers: readonly Signer[];
  readonly #nemesis: Nemesis;
  readonly #clients: Clients;
  readonly #steps: number;
  /** Voters that were found out to have lost their state, with the index at which they were. */
  readonly #foundOut = new Map<string, { readonly index: number; readonly branch: Branch }>();
  readonly #voters: number;

  constructor({ seed, nodes, steps }: RunInit) {
    this.world = new World(seed);
    this.#steps = steps;
    this.#voters = nodes;
    this.book = new RaftBook({
      recoveryIn: recoveryOf,
      isPulling: (name) => this.#named(name)?.parts?.consensus.raft === undefined,
    });
    const { random } = this.world;
    this.network = new SimNetwork(this.world, {
      delayMsMin: 0.1,
      delayMsMean: random.pick([0.2, 1, 8]),
      breakChance: random.pick([0, 0, 0.002]),
    });
    const count = nodes + random.integer(0, 2);
    this.#signers = Array.from({ length: count }, (_, i) => simSigner(i + 1));
    this.founding = foundMesh(this.#signers, nodes);
    this.machines = this.#signers.map(({ peer }, i) => this.#machine(i, peer, random));
    const victims = {
      world: this.world,
      network: this.network,
      machines: this.machines,
      leader: () => this.leader(),
      canLose: (machine: Machine) => this.#canLose(machine),
      canCopy: (machine: Machine) => this.#canCopy(machine),
      onLost: ({ name }: Machine) => {
        this.states.forget(name);
        this.epochs.forget(name);
      },
    };
    this.#nemesis = new Nemesis(victims, {
      harms: MESH_HARMS.filter(() => random.chance(0.5)),
      everyMs: random.pick([200, 600, 2_000]),
      lastsMs: random.pick([100, 700, 2_000]),
    });
    this.#clients = new Clients(this);
    this.disaster = new Disaster(this, { seed, steps });
    this.world.check(() => {
      for (const node of this.#nodes.values()) node.look();
      this.disaster.look();
    });
  }

  get harms(): readonly HarmName[] {
    return this.#nemesis.harms;
  }

  /** Runs it all. @throws Violation */
  async run(): Promise<RunResult> {
    await this.#found();
    for (const machine of this.machines) machine.start();
    this.#nemesis.start();
    this.#clients.start();
    await this.world.run(this.#steps);
    await this.#calmDown();
    return {
      digest: this.world.trace.digest(),
      steps: this.world.step,
      commit: this.book.commit,
      elections: this.book.elections,
      kinds: this.states.kinds,
    };
  }

  /** Who says that it leads; of several the one of the latest epoch and term. */
  leader(): Machine | undefined {
    let best: Machine | undefined;
    let [bestEpoch, bestTerm] = [0, 0];
    for (const [machine, node] of this.#nodes) {
      const raft = node.parts?.consensus.raft;
      if (raft?.role !== 'leader') continue;
      const { epoch } = this.book.branchOf(machine.name);
      if (epoch < bestEpoch || (epoch === bestEpoch && raft.term <= bestTerm)) continue;
      best = machine;
      [bestEpoch, bestTerm] = [epoch, raft.term];
    }
    return best;
  }

  /**
   * Whether all other voters hold what this machine does, so that nothing is lost with it but its
   * own word.
   */
  #canLose(victim: Machine): boolean {
    const parts = this.nodeOf(victim)?.parts;
    if (parts === undefined || victim.isFrozen || this.disaster.isOpen) return false;
    const { voters } = parts.meshLog.configuration().configuration;
    // Two cannot take the seat of one of them.
    if (voters.length < 3) return false;
    return this.machines.every((machine) => {
      if (machine === victim || !voters.includes(machine.peer)) return true;
      const other = machine.isFrozen ? undefined : this.nodeOf(machine)?.parts;
      if (other === undefined || other.consensus.term < parts.consensus.term) return false;
      // One at a time: the last one must be a voter again, and its return proved by the old voters.
      if (other.consensus.raft === undefined || other.trust.missingLinks().length > 0) return false;
      return (
        other.meshLog.commitIndex >= parts.meshLog.tailIndex &&
        isSameSeats(other.meshLog, parts.meshLog) &&
        other.trust.epochs.current.id === parts.trust.epochs.current.id
      );
    });
  }

  /** An old copy of the only voter would lead by itself: no other node is asked. */
  #canCopy(machine: Machine): boolean {
    if (!this.disaster.isDrawn) return true;
    const meshLog = this.nodeOf(machine)?.parts?.meshLog;
    return (meshLog?.configuration().configuration.voters.length ?? 0) >= 3;
  }

  /** A voter was found out to have less than it signed for. */
  foundOut(peer: string, at: { readonly index: number; readonly branch: Branch }): void {
    this.world.log(`${this.nameOf(peer)} has lost what it signed, by ${at.index}`);
    const known = this.#foundOut.get(peer);
    if (known?.branch !== at.branch || known.index < at.index) this.#foundOut.set(peer, at);
  }

  /** Who lost its state has been without a vote since. */
  #assertDemoted(): void {
    const leader = this.leader();
    const state = leader && this.nodeOf(leader)?.parts?.meshLog.state;
    for (const [peer, { index, branch }] of this.#foundOut) {
      // A recovery leaves no vote to anybody but to who is named in it.
      if (leader !== undefined && branch !== this.book.branchOf(leader.name)) continue;
      const rows = [...(state?.entries('voterset') ?? [])];
      const isDemoted = rows.some(([, row]) => row.index > index && !row.voters.includes(peer));
      if (!isDemoted) {
        throw new Violation('re-added-as-learner', `${this.nameOf(peer)} votes on after ${index}`);
      }
    }
  }

  /** Machines that are not lost for good. */
  get left(): readonly Machine[] {
    return this.machines.filter((machine) => !this.disaster.isLost(machine));
  }

  /** A node has taken a recovery that it was shown for valid. */
  shown({ name }: Machine, bytes: Uint8Array): void {
    this.epochs.shown(name, idOf(bytes));
  }

  /** As the daemon does when a recovery left out what is here. */
  startOver(machine: Machine): void {
    machine.startOver(keptRows);
  }

  nodeOf(machine: Machine): MeshNode | undefined {
    return this.#nodes.get(machine);
  }

  /** What a node has at this moment, whatever it last said; undefined while it is down. */
  claimOf(peer: string): { readonly term: number; readonly lastIndex: number } | undefined {
    const machine = this.machines.find((it) => it.peer === peer);
    const meshLog = machine && this.nodeOf(machine)?.parts?.meshLog;
    return meshLog && { term: meshLog.term, lastIndex: meshLog.tailIndex };
  }

  nameOf(peer: string): string {
    return this.machines.find((it) => it.peer === peer)?.name ?? peer;
  }

  peersOf(machine: Machine): readonly string[] {
    return this.machines.filter((it) => it !== machine).map(({ peer }) => peer);
  }

  /** A program found its disk damaged: the daemon sets log and state aside and begins anew. */
  onDamaged(machine: Machine, error: unknown): void {
    if (machine.disk.isDamaged && isCooeeError(error, 'ERR_STORAGE_DAMAGED')) {
      this.epochs.forget(machine.name);
      machine.empty();
    } else this.fail(error);
  }

  fail(error: unknown): void {
    if (error instanceof Violation) this.world.fail(error);
    else {
      const { stack, cause } = toError(error);
      const details = isCooeeError(error) ? JSON.stringify(error.details) : '';
      const why = cause === undefined ? '' : `\ncaused by ${toError(cause).stack}`;
      this.world.fail(new Violation('no-crash', `${stack} ${details}${why}`));
    }
  }

  #named(name: string): MeshNode | undefined {
    const machine = this.machines.find((it) => it.name === name);
    return machine && this.nodeOf(machine);
  }

  #machine(i: number, peer: string, random: SimRandom): Machine {
    const signer = this.#signers[i] as Signer;
    const disk = { syncMsMin: 0.3, syncMsMean: i === 0 ? 0.5 : random.pick([0.3, 1, 5]) };
    const start = (machine: Machine, process: SimProcess): MeshNode => {
      const node = new MeshNode(this, { machine, process, signer });
      this.#nodes.set(machine, node);
      return node;
    };
    const components = { world: this.world, network: this.network, start };
    return new Machine(components, { name: `n${i + 1}`, peer, disk });
  }

  /** Writes the log that the mesh begins with on the disks of those who vote from the start. */
  async #found(): Promise<void> {
    const { records, hardState } = this.founding;
    for (const machine of this.machines.slice(0, this.#voters)) {
      await machine.disk.fillLog(
        records,
        machine === this.machines[0] ? hardState : { ...hardState, vote: null },
      );
    }
  }

  /** Without harm everybody gets to the same end, with everything that was accepted in it. */
  async #calmDown(): Promise<void> {
    this.#nemesis.stop();
    this.#clients.stop();
    this.disaster.calmDown();
    const limitMs = this.disaster.isDrawn ? DISASTER_CALM_MS : CALM_MS;
    // Behind what set out over a slow link a leader's messages are late; and who lost its
    // connection to the leader in the last moment still stands for election.
    const earliestMs = Math.max(this.network.carriedByMs, this.world.nowMs + LAST_HARM_MS);
    const isSettled = await this.world.runUntil(
      () => this.world.nowMs > earliestMs && this.#isSettled(),
      limitMs,
    );
    if (!isSettled) throw new Violation('liveness', this.#describe());
    await this.#assertQuiet();
    this.#assertDemoted();
    for (const [machine, node] of this.#nodes) {
      const state = node.parts?.meshLog.state;
      if (state !== undefined) this.states.agents(machine.name, state.entries('agent'));
    }
  }

  #isSettled(): boolean {
    const leader = this.leader();
    const parts = leader && this.nodeOf(leader)?.parts;
    const raft = parts?.consensus.raft;
    if (parts === undefined || raft === undefined || raft.commit !== raft.lastIndex) return false;
    if (raft.transferee !== null || this.disaster.isOpen) return false;
    const { voters, learners } = raft.configuration;
    const isLevel = this.left.every((machine) => {
      const { meshLog, consensus } = this.nodeOf(machine)?.parts ?? {};
      // One that was cut off until now may still call itself leader while others elect, and one
      // that is about to take its seat may have been in a later term.
      const isLed =
        consensus?.raft === undefined
          ? ![...voters, ...learners].includes(machine.peer)
          : consensus.raft.leader === leader?.peer;
      return meshLog?.appliedIndex === raft.commit && isLed;
    });
    return isLevel && this.#isOneEpoch(leader as Machine);
  }

  /** All follow one epoch, and all that was accepted is decided in it. */
  #isOneEpoch(leader: Machine): boolean {
    const branch = this.book.branchOf(leader.name);
    const isOne = this.left.every((machine) => {
      const current = this.nodeOf(machine)?.parts?.trust.epochs.current;
      return this.book.branchOf(machine.name) === branch && current?.id === branch.id;
    });
    return isOne && this.states.undecided(branch).length === 0;
  }

  /** No term changes while the leader and a majority hear each other. */
  async #assertQuiet(): Promise<void> {
    const before = this.#term();
    const endMs = this.world.nowMs + 3_000;
    await this.world.runUntil(() => this.world.nowMs >= endMs, 4_000);
    const after = this.#term();
    if (before === undefined || before !== after) {
      throw new Violation('no-needless-election', `term ${before} became ${after} in calm`);
    }
  }

  #term(): number | undefined {
    const leader = this.leader();
    return leader && this.nodeOf(leader)?.parts?.consensus.term;
  }

  #describe(): string {
    const all = this.machines.map((machine) => {
      const node = this.nodeOf(machine);
      const parts = node?.parts;
      if (parts === undefined || node === undefined) return `${machine.name} is down`;
      const { meshLog, consensus, outbox } = parts;
      const raft = consensus.raft;
      const part = raft === undefined ? 'no seat' : `${raft.role} ${raft.term}`;
      const seats = meshLog.configuration().configuration;
      const at = `${meshLog.appliedIndex}/${meshLog.commitIndex}/${meshLog.tailIndex}`;
      const of = `${seats.voters.length}+${seats.learners.length} seats`;
      const { epoch, id } = parts.trust.epochs.current;
      const rest = `outbox ${outbox.waitingCount} epoch ${epoch} ${id} [${node.conditions}]`;
      return `${machine.name} ${part} ${at} ${of} ${rest}`;
    });
    const leader = this.leader();
    const branch = leader && this.book.branchOf(leader.name);
    const waiting = branch === undefined ? [] : this.states.undecided(branch);
    const ids = waiting.slice(0, 5).map((id) => `${id.slice(-6)} of ${this.states.originOf(id)}`);
    const first = `${waiting.length} undecided (${ids.join(', ')})`;
    return `${this.disaster.told}${first}; ${all.join('; ')}`;
  }
}

function isSameSeats(a: MeshLog, b: MeshLog): boolean {
  return a.configuration().configurationIndex === b.configuration().configurationIndex;
}
