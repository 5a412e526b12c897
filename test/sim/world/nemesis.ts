import type { Machine } from './machine.ts';
import type { SimNetwork } from './network.ts';
import type { SimRandom } from './random.ts';
import type { World } from './world.ts';

/** What the nemesis does harm to. */
export interface Victims {
  readonly world: World;
  readonly network: SimNetwork;
  readonly machines: readonly Machine[];
  /** Who leads at present, as far as can be seen from outside. */
  leader(): Machine | undefined;
  /** Whether what this machine has durable may be lost now: the rest can do without. */
  canLose?(machine: Machine): boolean;
  /** Whether what this machine has may be put back one day. */
  canCopy?(machine: Machine): boolean;
  /** What was durable on this machine since its copy was made is about to be lost. */
  onLost?(machine: Machine): void;
}

/** One way to do harm. Returns what ends it, when it lasts. */
type Harm = (victims: Victims, random: SimRandom, victim: Machine) => (() => void) | undefined;

const YEAR_MS = 365 * 24 * 3_600_000;

function groupsOf(victims: Victims, random: SimRandom): readonly [Machine[], Machine[]] {
  const first = random.sample(
    victims.machines,
    random.integer(1, Math.max(1, victims.machines.length - 1)),
  );
  return [first, victims.machines.filter((machine) => !first.includes(machine))];
}

function mendNetwork({ network, world }: Victims): () => void {
  return () => {
    world.log('the network is mended');
    network.heal();
  };
}

/** Every harm of a simulation, by name. A run draws some of them. */
export const HARMS = {
  kill: (_victims, _random, victim) => {
    victim.kill(false);
    return undefined;
  },
  'lose-power': (_victims, _random, victim) => {
    victim.kill(true);
    return undefined;
  },
  'lose-all-power': ({ machines }) => {
    for (const machine of machines) machine.kill(true);
    return undefined;
  },
  freeze: (_victims, _random, victim) => {
    victim.freeze();
    return () => victim.thaw();
  },
  partition: (victims, random) => {
    const isReset = random.chance(0.5);
    const [one, other] = groupsOf(victims, random);
    victims.world.log(`partition: ${one.map(({ name }) => name).join(' ')}, reset ${isReset}`);
    for (const a of one) {
      for (const b of other) {
        victims.network.block(a.peer, b.peer, isReset);
        victims.network.block(b.peer, a.peer, isReset);
      }
    }
    return mendNetwork(victims);
  },
  'one-way': (victims, random, victim) => {
    const isOutgoing = random.chance(0.5);
    const others = victims.machines.filter((machine) => machine !== victim);
    const hit = random.sample(others, random.integer(1, others.length));
    victims.world.log(`${victim.name} ${isOutgoing ? 'is not heard' : 'hears nothing'}`);
    for (const { peer } of hit) {
      if (isOutgoing) victims.network.block(victim.peer, peer, false);
      else victims.network.block(peer, victim.peer, false);
    }
    return mendNetwork(victims);
  },
  'slow-links': (victims, random, victim) => {
    const slowness = random.between(5, 200);
    for (const { peer } of victims.machines) {
      if (peer === victim.peer) continue;
      victims.network.slow(victim.peer, peer, slowness);
      victims.network.slow(peer, victim.peer, slowness);
    }
    return mendNetwork(victims);
  },
  reset: (victims, random, victim) => {
    const other = random.pick(victims.machines);
    if (other !== victim) victims.network.reset(victim.peer, other.peer);
    return undefined;
  },
  'break-stream': (victims, random, victim) => {
    const other = random.pick(victims.machines);
    if (other !== victim) victims.network.breakStream(victim.peer, other.peer);
    return undefined;
  },
  'clock-jump': (_victims, random, victim) => {
    const rangeMs = random.pick([100, 60_000, YEAR_MS]);
    victim.clock.skewMs = random.between(-rangeMs, rangeMs);
    return undefined;
  },
  'slow-disk': (_victims, random, victim) => {
    victim.disk.slow(random.between(5, 300));
    return () => victim.disk.slow(1);
  },
  'full-disk': (_victims, _random, victim) => {
    victim.disk.fill(true);
    return () => victim.disk.fill(false);
  },
  'failed-sync': (_victims, _random, victim) => {
    victim.disk.failSync();
    return undefined;
  },
  'flip-bit': (victims, random, victim) => {
    if (victims.canLose?.(victim) !== true) return undefined;
    const { firstIndex, lastIndex } = victim.disk.log;
    if (lastIndex >= firstIndex) {
      const index = random.integer(firstIndex, lastIndex);
      victims.world.log(`${victim.name}: a bit of entry ${index} flips`);
      victims.onLost?.(victim);
      victim.disk.flip(index);
      victim.kill(true);
    }
    return undefined;
  },
  'empty-disk': (victims, _random, victim) => {
    if (victims.canLose?.(victim) !== true) return undefined;
    victims.onLost?.(victim);
    victim.empty();
    return undefined;
  },
  'back-up': (victims, _random, victim) => {
    if (victims.canCopy?.(victim) !== false) victim.backUp();
    return undefined;
  },
  restore: (victims, random, victim) => {
    const { copies } = victim;
    if (copies.length === 0 || victims.canLose?.(victim) !== true) return undefined;
    victims.onLost?.(victim);
    victim.restore(random.pick(copies));
    return undefined;
  },
} satisfies Record<string, Harm>;

/** The name of a harm. */
export type HarmName = keyof typeof HARMS;

/** What a run of the nemesis draws from. */
export interface NemesisInit {
  readonly harms: readonly HarmName[];
  /** Mean time between two harms, and how long a lasting one lasts. */
  readonly everyMs: number;
  readonly lastsMs: number;
}

/** Does harm to a cluster until it is told to stop. */
export class Nemesis {
  readonly #victims: Victims;
  readonly #random: SimRandom;
  readonly #init: NemesisInit;
  #isOn = false;

  constructor(victims: Victims, init: NemesisInit) {
    this.#victims = victims;
    this.#random = victims.world.random.fork();
    this.#init = init;
  }

  /** The harms that it does. */
  get harms(): readonly HarmName[] {
    return this.#init.harms;
  }

  start(): void {
    this.#isOn = true;
    this.#next();
  }

  /** No more harm, and an end to all that lasts. */
  stop(): void {
    this.#isOn = false;
    const { world, machines, network } = this.#victims;
    world.log('all is mended');
    network.heal();
    for (const machine of machines) {
      machine.disk.mend();
      machine.thaw();
    }
  }

  #next(): void {
    if (this.#init.harms.length === 0) return;
    this.#victims.world.schedule(this.#random.exponential(this.#init.everyMs), () => {
      if (!this.#isOn) return;
      this.#harm();
      this.#next();
    });
  }

  #harm(): void {
    const { world, machines } = this.#victims;
    const random = this.#random;
    const name = random.pick(this.#init.harms);
    // Leaders are where it hurts.
    const leader = random.chance(0.5) ? this.#victims.leader() : undefined;
    const victim = leader ?? random.pick(machines);
    world.log(`harm: ${name} ${victim.name}`);
    const harm: Harm = HARMS[name];
    const end = harm(this.#victims, random, victim);
    if (end === undefined) return;
    world.schedule(random.exponential(this.#init.lastsMs), () => {
      if (this.#isOn) end();
    });
  }
}
