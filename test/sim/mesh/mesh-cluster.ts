import { isCooeeError, type Signer, toError } from '../../../protocols/interface/index.ts';
import type { MeshLog } from '../../../protocols/slurp/index.ts';
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

/** The replicated log of a mesh, whole: core, driver, state, storage, heads, snapshots. */
export class MeshCluster {
  readonly world: World;
  readonly network: SimNetwork;
  readonly book = new RaftBook();
  readonly states = new StateBook();
  readonly founding: Founding;
  readonly machines: readonly Machine[];
  readonly #nodes = new Map<Machine, MeshNode>();
  readonly #signers: readonly Signer[];
  readonly #nemesis: Nemesis;
  readonly #clients: Clients;
  readonly #steps: number;
  /** Voters that were found out to have lost their state, with the index at which they were. */
  readonly #foundOut = new Map<string, number>();
  readonly #voters: number;

  constructor({ seed, nodes, steps }: RunInit) {
    this.world = new World(seed);
    this.#steps = steps;
    this.#voters = nodes;
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
      onLost: ({ name }: Machine) => this.states.forget(name),
    };
    this.#nemesis = new Nemesis(victims, {
      harms: MESH_HARMS.filter(() => random.chance(0.5)),
      everyMs: random.pick([200, 600, 2_000]),
      lastsMs: random.pick([100, 700, 2_000]),
    });
    this.#clients = new Clients(this);
    this.world.check(() => {
      for (const node of this.#nodes.values()) node.look();
    });
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
    };
  }

  /** Who says that it leads; of several the one with the latest term. */
  leader(): Machine | undefined {
    let best: Machine | undefined;
    let bestTerm = 0;
    for (const [machine, node] of this.#nodes) {
      const raft = node.parts?.consensus.raft;
      if (raft?.role !== 'leader' || raft.term <= bestTerm) continue;
      best = machine;
      bestTerm = raft.term;
    }
    return best;
  }

  /**
   * Whether all other voters hold what this machine does, so that nothing is lost with it but its
   * own word.
   */
  #canLose(victim: Machine): boolean {
    const parts = this.nodeOf(victim)?.parts;
    if (parts === undefined || victim.isFrozen) return false;
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
        isSameSeats(other.meshLog, parts.meshLog)
      );
    });
  }

  /** A voter was found out to have less than it signed for. */
  foundOut(peer: string, index: number): void {
    this.world.log(`${this.nameOf(peer)} has lost what it signed, by ${index}`);
    this.#foundOut.set(peer, Math.max(index, this.#foundOut.get(peer) ?? 0));
  }

  /** Who lost its state has been without a vote since. */
  #assertDemoted(): void {
    const leader = this.leader();
    const state = leader && this.nodeOf(leader)?.parts?.meshLog.state;
    for (const [peer, index] of this.#foundOut) {
      const rows = [...(state?.entries('voterset') ?? [])];
      const isDemoted = rows.some(([, row]) => row.index > index && !row.voters.includes(peer));
      if (!isDemoted) {
        throw new Violation('re-added-as-learner', `${this.nameOf(peer)} votes on after ${index}`);
      }
    }
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
    if (machine.disk.isDamaged && isCooeeError(error, 'ERR_STORAGE_DAMAGED')) machine.empty();
    else this.fail(error);
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
    const isSettled = await this.world.runUntil(() => this.#isSettled(), CALM_MS);
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
    if (raft.transferee !== null || this.states.undecided().length > 0) return false;
    return this.machines.every((machine) => {
      const meshLog = this.nodeOf(machine)?.parts?.meshLog;
      return meshLog?.appliedIndex === raft.commit;
    });
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
      const rest = `outbox ${outbox.waitingCount} [${node.conditions}]`;
      return `${machine.name} ${part} ${at} ${of} ${rest}`;
    });
    const waiting = this.states.undecided();
    const ids = waiting.slice(0, 5).map((id) => `${id.slice(-6)} of ${this.states.originOf(id)}`);
    return `${waiting.length} undecided (${ids.join(', ')}); ${all.join('; ')}`;
  }
}

function isSameSeats(a: MeshLog, b: MeshLog): boolean {
  return a.configuration().configurationIndex === b.configuration().configurationIndex;
}
