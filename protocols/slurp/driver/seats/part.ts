import type { Replica } from '../../replica/replica.ts';
import type { ConsensusComponents, ConsensusInit, RaftDriverComponents } from '../ports.ts';
import { RaftDriver } from '../raft-driver.ts';
import type { SeatMarks } from './seat-marks.ts';

/** What {@link Part} works with. */
export type PartComponents = ConsensusComponents &
  Pick<RaftDriverComponents, 'onChange' | 'onLostState'>;

/** How this node follows the log: it drives Raft, or pulls; never both. */
export class Part {
  readonly #components: PartComponents;
  readonly #init: Pick<ConsensusInit, 'recipient' | 'timing'>;
  #driver: RaftDriver | undefined;
  #replica: Replica | undefined;

  constructor(components: PartComponents, init: Pick<ConsensusInit, 'recipient' | 'timing'>) {
    this.#components = components;
    this.#init = init;
  }

  /** Drives Raft; undefined while this node has no seat. */
  get driver(): RaftDriver | undefined {
    return this.#driver;
  }

  /** Pulls; undefined while this node has a seat. */
  get replica(): Replica | undefined {
    return this.#replica;
  }

  /**
   * Drives Raft from here on. @returns whether it did not before; @throws CooeeError ERR_STORAGE_*
   */
  async takeSeat(): Promise<boolean> {
    if (this.#driver !== undefined) return false;
    const replica = this.#replica;
    await replica?.stop();
    const { meshLog, logger, onChange } = this.#components;
    await this.#mendLog();
    if (meshLog.tailIndex > meshLog.commitIndex && replica !== undefined) {
      // Pulled and never proved: it is not what a leader has acknowledged.
      await meshLog.dropUncommitted();
    }
    this.#replica = undefined;
    const { recipient, timing } = this.#init;
    const driver = new RaftDriver(this.#components, {
      recipient,
      ...(timing === undefined ? {} : { timing }),
    });
    this.#driver = driver;
    try {
      await driver.start();
    } catch (error) {
      this.#driver = undefined;
      await driver.stop();
      throw error;
    }
    logger.info({}, 'this node has a seat among the voters');
    onChange();
    return true;
  }

  /** Pulls from here on. @throws CooeeError ERR_STORAGE_* */
  async followByPull(): Promise<void> {
    if (this.#replica !== undefined) return;
    await this.#driver?.stop();
    this.#driver = undefined;
    const { meshLog, makeReplica, onChange } = this.#components;
    await this.#mendLog();
    if (meshLog.tailIndex > meshLog.commitIndex) await meshLog.dropUncommitted();
    const replica = makeReplica();
    await replica.open();
    this.#replica = replica;
    replica.start();
    onChange();
  }

  /**
   * What it follows may hide why it has no seat, and what it says for its seat counts: the marks
   * are on the disk before either. While they cannot be written it does neither.
   *
   * @returns whether there was something to write; @throws CooeeError ERR_STORAGE_*
   */
  async keep(marks: SeatMarks, hasSeat: boolean): Promise<boolean> {
    const { meshLog } = this.#components;
    if (marks.isKept) return false;
    if (!hasSeat || meshLog.isLogFailed) await this.leave();
    if (meshLog.isLogFailed) await meshLog.reopenLog();
    await marks.keep();
    return true;
  }

  /** Whoever met the failure is stopped, and can neither open the log nor take its word back. */
  async #mendLog(): Promise<void> {
    const { meshLog, health } = this.#components;
    if (meshLog.isLogFailed) await meshLog.reopenLog();
    health.clear('log-failed');
  }

  /** Does neither. */
  async leave(how: { readonly handsOver: boolean } = { handsOver: true }): Promise<void> {
    // It goes on listening while it hands leadership over.
    await this.#driver?.stop(how);
    this.#driver = undefined;
    await this.#replica?.stop();
    this.#replica = undefined;
  }
}
