import { isCooeeError, type SeedKey } from '../../../../protocols/interface/index.ts';
import type { SimRandom } from '../../world/random.ts';
import type { MeshCluster } from '../mesh-cluster.ts';
import type { MeshNode } from '../mesh-node.ts';
import { watchedKey } from './links.ts';

const LOOK_MS_MEAN = 150;
/** A command that takes longer than this is given up: its node died, or its disk is full. */
const PATIENCE_MS = 6_000;
const UNPROVED_MS = 30_000;
/** Two recoveries stand so long before the operator chooses, on average. */
const THINK_MS_MEAN = 1_500;

const APART_MS_MEAN = 1_000;
/** How often it recovers on two nodes at once. */
const TWICE = 0.3;

/** A command of the operator that is under way. */
interface Attempt {
  readonly node: MeshNode;
  readonly untilMs: number;
}

/** What {@link Operator} is made of. */
export interface OperatorInit {
  readonly random: SimRandom;
  /** A new epoch has begun. */
  readonly onRecovered: () => void;
}

/**
 * A person with the recovery key: recovers on a node that is left, or on two that do not see each
 * other, and chooses when two epochs were begun. Goes by what the product's own plan says.
 */
export class Operator {
  readonly #cluster: MeshCluster;
  readonly #random: SimRandom;
  readonly #onRecovered: () => void;
  readonly #key: SeedKey;
  #isCalled = false;
  #isCalm = false;
  #isRunning = false;
  readonly #attempts = new Set<Attempt>();
  /** Ends what keeps the sides of two recoveries apart. */
  #join: (() => void) | undefined;
  #chooseMs: number | undefined;
  /** Where the last refusal sent it. */
  #hint: string | undefined;
  #last = '';

  constructor(cluster: MeshCluster, { random, onRecovered }: OperatorInit) {
    this.#cluster = cluster;
    this.#random = random;
    this.#onRecovered = onRecovered;
    this.#key = watchedKey((id, epoch) => {
      cluster.world.log(`the operator signs ${id}, epoch ${epoch}`);
      cluster.epochs.sign(id, epoch);
    });
  }

  /** There is something to be done. */
  get isNeeded(): boolean {
    const isBusy = this.#isCalled || this.#attempts.size > 0 || this.#join !== undefined;
    return isBusy || this.#halted().length > 0;
  }

  get told(): string {
    return `operator ${this.#isCalled ? 'called' : 'idle'} ${this.#last}`;
  }

  /** A majority is lost. */
  call(): void {
    this.#isCalled = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#next();
  }

  calmDown(): void {
    this.#isCalm = true;
    this.#joinAgain();
  }

  #next(): void {
    this.#cluster.world.schedule(20 + this.#random.exponential(LOOK_MS_MEAN), () => {
      this.#look();
      this.#next();
    });
  }

  #look(): void {
    const { nowMs } = this.#cluster.world;
    for (const attempt of this.#attempts) {
      if (attempt.node.parts === undefined || attempt.untilMs < nowMs) this.#end(attempt);
    }
    if (this.#attempts.size > 0) return;
    if (this.#halted().length > 0 && this.#join === undefined) this.#choose();
    else if (this.#isCalled) this.#recover();
    else this.#lookForUnproved();
  }

  /** Nodes that two recoveries have stopped. */
  #halted(): readonly MeshNode[] {
    return this.#reachable().filter(({ parts }) => parts?.trust.epochs.rival !== undefined);
  }

  #reachable(): readonly MeshNode[] {
    const { disaster, left } = this.#cluster;
    return left.flatMap((machine) => {
      const node = this.#cluster.nodeOf(machine);
      const isHere = node?.parts !== undefined && !machine.isFrozen && !disaster.isAway(machine);
      return isHere ? [node] : [];
    });
  }

  #choose(): void {
    const { nowMs } = this.#cluster.world;
    this.#chooseMs ??= nowMs + this.#random.exponential(THINK_MS_MEAN);
    if (nowMs < this.#chooseMs) return;
    this.#chooseMs = undefined;
    const node = this.#random.pick(this.#halted());
    this.#attempt(node, node.parts?.trust.epochs.current.id);
  }

  #recover(): void {
    const nodes = this.#reachable();
    if (nodes.length === 0) return;
    const [hinted] = nodes.filter(({ peer }) => peer === this.#hint);
    this.#hint = undefined;
    const canPart = !this.#isCalm && this.#join === undefined && nodes.length > 1;
    if (canPart && this.#random.chance(TWICE)) this.#recoverTwice(nodes);
    else this.#attempt(hinted ?? this.#random.pick(nodes));
  }

  /** On two nodes that do not hear of each other. */
  #recoverTwice(nodes: readonly MeshNode[]): void {
    const { world, network, machines } = this.#cluster;
    const [one, other] = this.#random.sample(nodes, 2) as [MeshNode, MeshNode];
    const side = machines.filter(({ peer }) => peer === one.peer || this.#random.chance(0.5));
    const first = side.filter(({ peer }) => peer !== other.peer).map(({ peer }) => peer);
    const second = machines.map(({ peer }) => peer).filter((peer) => !first.includes(peer));
    world.log('the operator recovers on two sides');
    this.#join = network.part(first, second);
    for (const node of [one, other]) this.#attempt(node);
    world.schedule(this.#random.exponential(APART_MS_MEAN), () => this.#joinAgain());
  }

  #joinAgain(): void {
    this.#join?.();
    this.#join = undefined;
  }

  /** Voters of before a change are gone that have not signed for those after it. */
  #lookForUnproved(): void {
    const node = this.#reachable().find(
      ({ parts }) => (parts?.heads.unproved(UNPROVED_MS).length ?? 0) > 0,
    );
    if (node !== undefined) this.#attempt(node);
  }

  #attempt(node: MeshNode, choose?: string): void {
    const { world } = this.#cluster;
    const attempt: Attempt = { node, untilMs: world.nowMs + PATIENCE_MS };
    this.#attempts.add(attempt);
    this.#command(node, choose).then(
      (id) => {
        this.#tell(`recovered on ${node.name}: ${id}`);
        this.#isCalled = false;
        this.#end(attempt);
        this.#onRecovered();
      },
      (error: unknown) => {
        this.#end(attempt);
        this.#refused(node, error);
      },
    );
  }

  async #command(node: MeshNode, choose: string | undefined): Promise<string> {
    const { recovery, trust } = node.parts ?? {};
    if (recovery === undefined || trust === undefined) throw new Error('a node is up');
    // As with --dry-run, and then again with the names that it showed.
    const { away } = await recovery.plan({ lost: trust.voters(), choose });
    return (await recovery.recover(this.#key, { lost: away, choose })).id;
  }

  #refused({ name }: MeshNode, error: unknown): void {
    if (!isCooeeError(error)) {
      this.#cluster.fail(error);
      return;
    }
    const { reason, peer } = error.details;
    this.#tell(`refused on ${name}: ${error.code} ${reason ?? ''}`);
    if (reason === 'longer') this.#hint = String(peer);
    // Enough of them are back.
    const isLed = error.code === 'ERR_SLURP_QUORUM' && this.#cluster.leader() !== undefined;
    if (this.#isCalm && isLed) this.#isCalled = false;
  }

  #end(attempt: Attempt): void {
    this.#attempts.delete(attempt);
  }

  #tell(what: string): void {
    this.#last = what;
    this.#cluster.world.log(`operator: ${what}`);
  }
}
