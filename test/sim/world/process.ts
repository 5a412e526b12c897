import type { Clock, Timer } from '../../../protocols/interface/index.ts';
import type { World } from './world.ts';

/** Wall-clock time at the beginning of every simulation. */
export const START_MS = 1_700_000_000_000;

/** Time between two tasks of a process that has just been woken. */
const CATCH_UP_MS = 0.001;

/**
 * One start of a node's program. Everything that reaches it from outside (timers, messages, the
 * answers of its disk) goes through {@link SimProcess.run}: nothing more arrives once it was
 * killed, and what arrives while it is frozen waits until it is woken.
 */
export class SimProcess {
  readonly #world: World;
  readonly name: string;
  #status: 'running' | 'frozen' | 'dead' = 'running';
  #held: (() => void)[] = [];
  #isCatchingUp = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  get isDead(): boolean {
    return this.#status === 'dead';
  }

  get isFrozen(): boolean {
    return this.#status === 'frozen';
  }

  run(task: () => void): void {
    if (this.#status === 'dead') return;
    if (this.#status === 'frozen' || this.#held.length > 0) this.#held.push(task);
    else task();
  }

  /** What a port answers: never after the death of who asked. */
  gate<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => this.run(() => resolve(value)),
        (error: unknown) => this.run(() => reject(error)),
      );
    });
  }

  /** SIGSTOP. */
  freeze(): void {
    if (this.#status === 'running') this.#status = 'frozen';
  }

  /** SIGCONT. */
  thaw(): void {
    if (this.#status !== 'frozen') return;
    this.#status = 'running';
    if (!this.#isCatchingUp) this.#catchUp();
  }

  /** SIGKILL. */
  kill(): void {
    this.#status = 'dead';
    this.#held = [];
  }

  #catchUp(): void {
    this.#isCatchingUp = this.#held.length > 0 && this.#status === 'running';
    if (!this.#isCatchingUp) return;
    this.#world.schedule(CATCH_UP_MS, () => {
      if (this.#status === 'running') this.#held.shift()?.();
      this.#catchUp();
    });
  }
}

/** The clocks of a machine; they outlive its processes. */
export class MachineClock {
  readonly #world: World;
  readonly #bootMs: number;
  /** Wall clock minus true time. */
  skewMs = 0;

  constructor(world: World) {
    this.#world = world;
    this.#bootMs = world.random.integer(1_000, 1_000_000);
  }

  nowMs(): number {
    return Math.floor(START_MS + this.#world.nowMs + this.skewMs);
  }

  monotonicMs(): number {
    return this.#bootMs + this.#world.nowMs;
  }

  /** As one process sees it. */
  of(process: SimProcess): Clock {
    return {
      nowMs: () => this.nowMs(),
      monotonicMs: () => this.monotonicMs(),
      schedule: (delayMs, task) => this.#schedule(process, delayMs, task),
    };
  }

  #schedule(process: SimProcess, delayMs: number, task: () => void): Timer {
    let isCancelled = false;
    // A timer that was called off while it waited in a frozen process must not fire.
    const timer = this.#world.schedule(delayMs, () =>
      process.run(() => {
        if (!isCancelled) task();
      }),
    );
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }
}
