import { type DiskCopy, type DiskProfile, SimDisk } from './disk.ts';
import type { Receiver, SimNetwork } from './network.ts';
import { MachineClock, SimProcess } from './process.ts';
import type { World } from './world.ts';

/** What runs on a machine. */
export interface Program extends Receiver {
  /** Called when the process is dead: for the books of the simulation, the program is gone. */
  onKilled(): void;
}

/** What a {@link Machine} is built from. */
export interface MachineComponents {
  readonly world: World;
  readonly network: SimNetwork;
  /** Starts the program in a new process. */
  readonly start: (machine: Machine, process: SimProcess) => Program;
}

/** Time until a supervisor starts a dead process again. */
const RESTART_MS_MEAN = 300;

/** A host: its clock and its disk outlive the processes that run on it one after the other. */
export class Machine {
  readonly name: string;
  readonly peer: string;
  readonly clock: MachineClock;
  readonly disk: SimDisk;
  readonly #components: MachineComponents;
  #running: { readonly process: SimProcess; readonly program: Program } | undefined;
  #starts = 0;
  #copies: DiskCopy[] = [];
  /** The disk is being copied or put back. */
  #isBusy = false;
  /** Nobody starts it again. */
  #isHeld = false;

  constructor(
    components: MachineComponents,
    init: { readonly name: string; readonly peer: string; readonly disk: DiskProfile },
  ) {
    this.#components = components;
    this.name = init.name;
    this.peer = init.peer;
    this.clock = new MachineClock(components.world);
    this.disk = new SimDisk(components.world, init.disk);
  }

  get isUp(): boolean {
    return this.#running !== undefined;
  }

  get isFrozen(): boolean {
    return this.#running?.process.isFrozen ?? false;
  }

  /** How often it was started. */
  get starts(): number {
    return this.#starts;
  }

  get copies(): readonly DiskCopy[] {
    return this.#copies;
  }

  start(): void {
    if (this.#running !== undefined || this.#isBusy || this.#isHeld) return;
    const { world, network, start } = this.#components;
    this.#starts++;
    world.log(`${this.name} starts (${this.#starts})`);
    const process = new SimProcess(world, this.name);
    const program = start(this, process);
    this.#running = { process, program };
    network.attach(this.peer, program);
  }

  /** Ends the process without a word. It is started again after a while, unless told otherwise. */
  kill(isPowerLost: boolean, restartMs?: number): void {
    if (this.#running === undefined) return;
    const { world, network } = this.#components;
    world.log(`${this.name} ${isPowerLost ? 'loses power' : 'is killed'}`);
    const { process, program } = this.#running;
    this.#running = undefined;
    process.kill();
    network.detach(this.peer, isPowerLost);
    this.disk.crash(isPowerLost);
    program.onKilled();
    const afterMs = restartMs ?? 1 + world.random.exponential(RESTART_MS_MEAN);
    world.schedule(afterMs, () => this.start());
  }

  /** Off until {@link release}. */
  hold(isPowerLost: boolean): void {
    this.#isHeld = true;
    this.kill(isPowerLost);
  }

  /** It comes back as it was. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.start();
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  freeze(): void {
    if (this.#running === undefined || this.isFrozen) return;
    this.#components.world.log(`${this.name} is frozen`);
    this.#running.process.freeze();
  }

  thaw(): void {
    if (!this.isFrozen) return;
    this.#components.world.log(`${this.name} is woken`);
    this.#running?.process.thaw();
  }

  /** Ends the process, copies its disk, and starts it again. */
  backUp(): void {
    this.#offline(async () => {
      const copy = await this.disk.copy();
      if (copy !== undefined) this.#copies.push(copy);
      this.#components.world.log(`${this.name} backed up`);
    });
  }

  /** Ends the process, puts a copy in the place of its disk, and starts it again. */
  restore(copy: DiskCopy): void {
    this.#offline(async () => {
      await this.disk.restore(copy);
      this.#components.world.log(`${this.name} restored from a copy`);
    });
  }

  /** Ends the process, puts an empty disk in, and starts it again. */
  empty(): void {
    this.#offline(async () => {
      this.disk.replace();
      this.#components.world.log(`${this.name} has an empty disk`);
    });
  }

  /** Ends the process, sets its disk aside but for what must be kept, and starts it again. */
  startOver(kept: Parameters<SimDisk['startOver']>[0]): void {
    this.#offline(async () => {
      await this.disk.startOver(kept);
      this.#components.world.log(`${this.name} starts over`);
    });
  }

  /** All on microtasks: done when the step is. */
  #offline(task: () => Promise<void>): void {
    if (this.#isBusy) return;
    this.kill(false);
    this.#isBusy = true;
    const done = (): void => {
      this.#isBusy = false;
    };
    task().then(done, done);
  }
}
