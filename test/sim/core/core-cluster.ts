import { toError } from '../../../protocols/interface/index.ts';
import type { Configuration, RaftStatus, RaftTiming } from '../../../protocols/raft/index.ts';
import { RaftBook } from '../check/raft-book.ts';
import { simSigner } from '../world/crypto.ts';
import { Machine } from '../world/machine.ts';
import { type HarmName, Nemesis } from '../world/nemesis.ts';
import { SimNetwork } from '../world/network.ts';
import type { SimRandom } from '../world/random.ts';
import type { RunInit, RunResult } from '../world/run.ts';
import { Violation, World } from '../world/world.ts';
import { type Base, CoreNode } from './core-node.ts';

/** Harms that the core alone can be asked to stand. */
const CORE_HARMS = [
  'kill',
  'lose-power',
  'lose-all-power',
  'freeze',
  'partition',
  'one-way',
  'slow-links',
  'reset',
  'break-stream',
  'slow-disk',
  'full-disk',
  'failed-sync',
] as const satisfies readonly HarmName[];

/** After the last harm everything is decided within this time. */
const CALM_MS = 20_000;
const CALM_STEPS_MAX = 60_000;

/** How messages suffer in a run, beyond what a connection does to them. */
interface Weather {
  readonly lost: number;
  readonly twice: number;
  readonly late: number;
  readonly lateMs: number;
}

/** Raft's core alone, on the simulated world, with the smallest driver that can be. */
export class CoreCluster {
  readonly world: World;
  readonly network: SimNetwork;
  readonly book = new RaftBook();
  readonly first: Configuration;
  readonly timing: Partial<RaftTiming>;
  readonly #machines: readonly Machine[];
  readonly #nodes = new Map<Machine, CoreNode>();
  readonly #random: SimRandom;
  readonly #nemesis: Nemesis;
  #weather: Weather;
  #operation = 0;
  #isCalm = false;
  readonly #cutOff: number;
  readonly #steps: number;

  constructor({ seed, nodes, steps }: RunInit) {
    this.world = new World(seed);
    this.#steps = steps;
    const { random } = this.world;
    this.#random = random.fork();
    this.network = new SimNetwork(this.world, {
      delayMsMin: 0.1,
      delayMsMean: random.pick([0.2, 1, 8]),
      breakChance: random.pick([0, 0, 0.002]),
    });
    const count = nodes + random.integer(0, 2);
    const disk = { syncMsMin: 0.3, syncMsMean: random.pick([0.3, 1, 10]) };
    this.#machines = Array.from({ length: count }, (_, i) => {
      const place = { name: `n${i + 1}`, peer: simSigner(i + 1).peer, disk };
      return new Machine(
        { world: this.world, network: this.network, start: (...it) => this.#start(...it) },
        place,
      );
    });
    const voters = this.#machines.slice(0, nodes).map(({ peer }) => peer);
    this.first = { voters, learners: [] };
    this.#weather = {
      lost: random.pick([0, 0, 0.02, 0.1]),
      twice: random.pick([0, 0.05]),
      late: random.pick([0, 0, 0.05, 0.3]),
      lateMs: random.pick([30, 300, 1_000]),
    };
    this.#cutOff = random.pick([0, 0, 0.6]);
    this.timing = {
      appendEntriesMax: random.pick([1, 2, 256]),
      inflightMax: random.pick([1, 2, 4]),
    };
    this.#nemesis = new Nemesis(
      {
        world: this.world,
        network: this.network,
        machines: this.#machines,
        leader: () => this.#machines.find((it) => this.#statusOf(it)?.role === 'leader'),
      },
      {
        harms: CORE_HARMS.filter(() => random.chance(0.5)),
        everyMs: random.pick([150, 500, 1_500]),
        lastsMs: random.pick([100, 700, 2_000]),
      },
    );
  }

  get harms(): readonly HarmName[] {
    return this.#nemesis.harms;
  }

  /** Runs it all. @throws Violation */
  async run(): Promise<RunResult> {
    for (const machine of this.#machines) machine.start();
    this.#nemesis.start();
    this.#work();
    await this.world.run(this.#steps);
    await this.#calmDown();
    return {
      digest: this.world.trace.digest(),
      steps: this.world.step,
      commit: this.book.commit,
      elections: this.book.elections,
    };
  }

  peersOf(machine: Machine): readonly string[] {
    return this.#machines.filter((it) => it !== machine).map(({ peer }) => peer);
  }

  nameOf(peer: string): string {
    return this.#machines.find((it) => it.peer === peer)?.name ?? peer;
  }

  /**
   * The moments after an election are where logs come apart (figure 8 of the paper): in some runs a
   * new leader is cut off from all but a few just then.
   */
  onElected(leader: Machine): void {
    if (this.#isCalm || !this.#random.chance(this.#cutOff)) return;
    const others = this.#machines.filter((machine) => machine !== leader);
    const cut = this.#random.sample(others, others.length - this.#random.integer(0, 2));
    this.world.schedule(this.#random.exponential(15), () => {
      if (this.#isCalm) return;
      this.world.log(`${leader.name} is cut off`);
      for (const { peer } of cut) {
        this.network.block(leader.peer, peer, true);
        this.network.block(peer, leader.peer, true);
      }
      this.world.schedule(this.#random.exponential(600), () => {
        if (!this.#isCalm) this.network.heal();
      });
    });
  }

  /** A message on its way: the core must stand what no connection does. */
  carry(from: string, to: string, bytes: Uint8Array): boolean {
    const { lost, twice, late, lateMs } = this.#weather;
    if (this.#random.chance(lost)) return true;
    if (this.#random.chance(twice)) this.network.send(from, to, bytes);
    if (!this.#random.chance(late)) return this.network.send(from, to, bytes);
    const delayMs = this.#random.exponential(lateMs);
    this.world.schedule(delayMs, () => this.network.send(from, to, bytes));
    return true;
  }

  snapshotOf(peer: string): Base | undefined {
    const machine = this.#machines.find((it) => it.peer === peer);
    return machine && this.#nodes.get(machine)?.snapshot;
  }

  proposed(id: number, status: RaftStatus | undefined): void {
    this.world.log(`proposed ${id} in term ${status?.term}, last ${status?.lastIndex}`);
  }

  fail(error: unknown): void {
    if (error instanceof Violation) this.world.fail(error);
    else this.world.fail(new Violation('no-crash', toError(error).stack ?? String(error)));
  }

  #start(machine: Machine, process: ConstructorParameters<typeof CoreNode>[2]): CoreNode {
    const node = new CoreNode(this, machine, process);
    this.#nodes.set(machine, node);
    return node;
  }

  #statusOf(machine: Machine): RaftStatus | undefined {
    return this.#nodes.get(machine)?.status;
  }

  /** What clients and operators ask of whoever says that it leads. */
  #work(): void {
    this.world.schedule(this.#random.exponential(this.#isCalm ? 100 : 20), () => {
      for (const machine of this.#machines) {
        const node = this.#nodes.get(machine);
        if (node?.status?.role !== 'leader' || machine.isFrozen) continue;
        try {
          this.#ask(node, node.status);
        } catch (error) {
          this.fail(error);
        }
      }
      this.#work();
    });
  }

  #ask(node: CoreNode, status: RaftStatus): void {
    const chance = this.#random.fraction();
    if (chance < 0.2) node.read();
    else if (chance < 0.22 && !this.#isCalm) {
      const others = status.configuration.voters.filter((peer) => peer !== status.self);
      if (others.length > 0) node.transfer(this.#random.pick(others));
    } else if (chance < 0.26 && !this.#isCalm) this.#reconfigure(node, status);
    else {
      for (let i = this.#random.integer(1, 3); i > 0; i--) node.propose(++this.#operation);
    }
  }

  /** One voter more or less, when the last change and an entry of this term are committed. */
  #reconfigure(node: CoreNode, status: RaftStatus): void {
    if (status.configurationIndex > status.commit) return;
    if (this.book.committedTerm(status.commit) !== status.term) return;
    const next = this.#nextOf(status.configuration);
    this.world.log(`reconfigures to ${next.voters.length} voters`);
    node.propose(++this.#operation, next);
  }

  #nextOf({ voters, learners }: Configuration): Configuration {
    const free = this.#machines
      .map(({ peer }) => peer)
      .filter((peer) => !voters.includes(peer) && !learners.includes(peer));
    const chance = this.#random.fraction();
    if (chance < 0.4 && free.length > 0) {
      return { voters, learners: [...learners, this.#random.pick(free)] };
    }
    if (chance < 0.7 && learners.length > 0) {
      const peer = this.#random.pick(learners);
      return { voters: [...voters, peer], learners: learners.filter((it) => it !== peer) };
    }
    if (voters.length <= 2) return { voters, learners };
    const peer = this.#random.pick(voters);
    return { voters: voters.filter((it) => it !== peer), learners };
  }

  /** Without harm a leader is found, what was committed reaches all, and new entries go through. */
  async #calmDown(): Promise<void> {
    this.#nemesis.stop();
    this.#weather = { lost: 0, twice: 0, late: 0, lateMs: 0 };
    this.#isCalm = true;
    const from = this.book.commit;
    const steps = this.world.step;
    // What was asked for before the calm (a transfer of leadership) comes to its end first.
    const calmMs = this.world.nowMs + 6_000;
    await this.world.runUntil(() => this.world.nowMs >= calmMs, CALM_MS);
    const isCalm = await this.world.runUntil(
      () => this.world.step - steps > CALM_STEPS_MAX || this.#isSettled(from),
      CALM_MS,
    );
    if (!isCalm || !this.#isSettled(from)) throw new Violation('liveness', this.#describe());
    await this.#assertQuiet();
  }

  /** No term changes while the leader and a majority hear each other. */
  async #assertQuiet(): Promise<void> {
    const term = this.#leaderStatus()?.term;
    const endMs = this.world.nowMs + 3_000;
    await this.world.runUntil(() => this.world.nowMs >= endMs, 4_000);
    const after = this.#leaderStatus()?.term;
    if (term === undefined || after !== term) {
      throw new Violation('no-needless-election', `term ${term} became ${after} in calm`);
    }
  }

  #leaderStatus(): RaftStatus | undefined {
    const all = this.#machines.map((machine) => this.#statusOf(machine));
    return all
      .filter((it) => it?.role === 'leader')
      .sort((a, b) => (b?.term ?? 0) - (a?.term ?? 0))[0];
  }

  #isSettled(from: number): boolean {
    const leader = this.#leaderStatus();
    if (leader === undefined || leader.commit < from + 3) return false;
    const { voters, learners } = leader.configuration;
    return this.#machines
      .filter(({ peer }) => voters.includes(peer) || learners.includes(peer))
      .every((machine) => {
        const status = this.#statusOf(machine);
        return status?.term === leader.term && status.commit > from;
      });
  }

  #describe(): string {
    const all = this.#machines.map((machine) => {
      const status = this.#statusOf(machine);
      if (status === undefined) return `${machine.name} is down`;
      const { role, term, commit, lastIndex, configuration } = status;
      const voters = configuration.voters.length;
      return `${machine.name} ${role} term ${term} ${commit}/${lastIndex} of ${voters}`;
    });
    return `not settled: ${all.join('; ')}`;
  }
}
