import type { CooeeError } from '../../../protocols/interface/index.ts';
import { RaftDriver } from '../../../protocols/slurp/driver/raft-driver.ts';
import { crypto, founder, type Machine } from './mesh-world.ts';

/** The leader of a mesh of one: the founder drives Raft alone on that machine. */
export class LoneLeader {
  readonly driver: RaftDriver;
  readonly #started: Promise<void>;
  #isReady = false;

  constructor(machine: Machine, onFatal: (error: CooeeError) => void = () => undefined) {
    this.driver = new RaftDriver(
      {
        ...{ ...machine, meshLog: machine.meshLog, signer: founder, crypto, onFatal },
        random: { bytes: (count) => new Uint8Array(count), fraction: () => 0.5 },
        link: { send: () => false, isConnected: () => false },
        onChange: () => undefined,
        onLostState: () => undefined,
        installFrom: () => Promise.reject(new Error('there is nobody to fetch from')),
      },
      { recipient: 'age1aaa' },
    );
    machine.meshLog.onApplied((entry) => this.driver.onApplied(entry));
    this.#started = this.driver.start();
  }

  /** Its election is a matter of turns, not of time. */
  async ready(): Promise<void> {
    await this.#started;
    while (!this.driver.isLeader) await new Promise((resolve) => setImmediate(resolve));
  }

  /** In one go, in this order. */
  async propose(...batches: readonly Uint8Array[]): Promise<number> {
    if (!this.#isReady) await this.ready();
    this.#isReady = true;
    return await this.driver.propose(batches, false);
  }

  async stop(): Promise<void> {
    await this.driver.stop();
  }
}
