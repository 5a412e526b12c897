import { epochOf } from '../../../../protocols/slurp/index.ts';
import type { Machine } from '../../world/machine.ts';
import type { SimRandom } from '../../world/random.ts';
import type { RunInit } from '../../world/run.ts';
import type { MeshCluster } from '../mesh-cluster.ts';
import { drawDisaster } from './draw.ts';
import { Forger } from './forger.ts';
import { Operator } from './operator.ts';

/** A state with less than what the mesh was founded with says nothing of the operator's key. */
const FOUNDED_INDEX = 3;
const BACK_MS_MEAN = 1_200;

/**
 * Loses a majority of the voters at some time: for good, for a while, or on the other side of a
 * network that is cut, where they go on without the rest. Then the operator comes.
 */
export class Disaster {
  readonly isDrawn: boolean;
  readonly #cluster: MeshCluster;
  readonly #random: SimRandom;
  readonly #operator: Operator;
  readonly #forger: Forger;
  /** Steps at which it strikes. */
  readonly #steps: number[] = [];
  readonly #gone = new Set<Machine>();
  /** Those that will be back. */
  #away: readonly Machine[] = [];
  #join: (() => void) | undefined;
  #isCalm = false;

  constructor(cluster: MeshCluster, { seed, steps }: Pick<RunInit, 'seed' | 'steps'>) {
    this.#cluster = cluster;
    const { random, isDrawn } = drawDisaster(seed);
    this.#random = random;
    this.isDrawn = isDrawn;
    this.#steps.push(Math.floor(steps * random.between(0.05, 0.4)));
    if (random.chance(0.35)) this.#steps.push(Math.floor(steps * random.between(0.5, 0.8)));
    const onRecovered = (): void => this.#backLater();
    this.#operator = new Operator(cluster, { random: this.#random.fork(), onRecovered });
    this.#forger = new Forger(cluster, this.#random.fork());
  }

  /** Somebody is still to come back, or the operator has not done what is to be done. */
  get isOpen(): boolean {
    return this.#away.length > 0 || this.#operator.isNeeded;
  }

  /** What became of it, for who looks into a failure. */
  get told(): string {
    if (!this.isDrawn) return '';
    const names = (all: Iterable<Machine>): string => [...all].map(({ name }) => name).join(' ');
    return `gone [${names(this.#gone)}] away [${names(this.#away)}] ${this.#operator.told}; `;
  }

  isLost(machine: Machine): boolean {
    return this.#gone.has(machine);
  }

  /** Nobody can reach it. */
  isAway(machine: Machine): boolean {
    return this.#away.includes(machine);
  }

  /** After a step. */
  look(): void {
    const [at] = this.#steps;
    if (!this.isDrawn || at === undefined || this.#isCalm) return;
    if (this.#cluster.world.step < at || this.isOpen || !this.#strike()) return;
    this.#steps.shift();
    this.#forger.start();
  }

  /** No more harm; who is to come back does. */
  calmDown(): void {
    this.#isCalm = true;
    this.#forger.stop();
    this.#operator.calmDown();
    this.#backLater();
  }

  /** @returns false when it cannot be now: nobody would be left who has the log */
  #strike(): boolean {
    const voters = this.#voters();
    if (voters.length === 0) return false;
    const majority = Math.floor(voters.length / 2) + 1;
    const hit = this.#random.sample(voters, this.#random.integer(majority, voters.length));
    const rest = this.#cluster.left.filter((machine) => !hit.includes(machine));
    if (!rest.some((machine) => this.#hasLog(machine))) return false;
    const isCut = this.#random.chance(0.3);
    this.#away = hit;
    if (isCut) {
      const peers = (all: readonly Machine[]): string[] => all.map(({ peer }) => peer);
      this.#cluster.world.log(`${hit.map(({ name }) => name).join(' ')} are cut off`);
      this.#join = this.#cluster.network.part(peers(hit), peers(rest));
    } else this.#lose(hit);
    this.#operator.call();
    if (this.#random.chance(0.15)) this.#backLater();
    return true;
  }

  #lose(hit: readonly Machine[]): void {
    const { states, world } = this.#cluster;
    const isGone = hit.map(() => this.#random.chance(0.5));
    for (const [i, machine] of hit.entries()) {
      world.log(`${machine.name} is lost${isGone[i] ? ' for good' : ''}`);
      machine.hold(this.#random.chance(0.5));
      if (!isGone[i]) continue;
      this.#gone.add(machine);
      states.forget(machine.name);
    }
    this.#away = hit.filter((_, i) => !isGone[i]);
  }

  /** Those who vote by the word of whoever has come furthest. */
  #voters(): readonly Machine[] {
    const leader = this.#cluster.leader();
    const parts = leader && this.#cluster.nodeOf(leader)?.parts;
    const voters = parts?.consensus.raft?.configuration.voters ?? [];
    return this.#cluster.left.filter(({ peer }) => voters.includes(peer));
  }

  /** It has a log of the last epoch, so that the operator can go on from it. */
  #hasLog(machine: Machine): boolean {
    const parts = this.#cluster.nodeOf(machine)?.parts;
    if (parts === undefined || parts.meshLog.appliedIndex < FOUNDED_INDEX) return false;
    const last = Math.max(0, ...this.#cluster.epochs.signed.values());
    return epochOf(parts.meshLog.state).epoch === last && !parts.trust.epochs.isBehind;
  }

  #backLater(): void {
    if (this.#away.length === 0) return;
    const away = this.#away;
    const afterMs = this.#random.exponential(BACK_MS_MEAN);
    this.#cluster.world.schedule(afterMs, () => {
      if (this.#away === away) this.#back();
    });
  }

  #back(): void {
    const away = this.#away;
    this.#away = [];
    this.#join?.();
    this.#join = undefined;
    for (const machine of away) machine.release();
  }
}
