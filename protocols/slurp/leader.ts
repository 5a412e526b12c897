import {
  type Clock,
  CooeeError,
  type Crypto,
  delay,
  type Health,
  isCooeeError,
  type Logger,
  type Signer,
  toError,
} from '../interface/index.ts';
import { isRepeated } from './machine/apply.ts';
import { decodeBatch, encodeEntry, encodeHead, isBatchSigned } from './machine/codec.ts';
import { assertCommand } from './machine/kinds.ts';
import type { MeshLog } from './mesh-log.ts';

/** Batches that may wait for the disk; beyond that their origins keep them a little longer. */
const PROPOSALS_MAX = 1_024;
/** Entries that share one fsync. */
const APPEND_ENTRIES_MAX = 256;
const REOPEN_DELAY_MS = 500;

/** What a leader is built from. */
export interface LeaderComponents {
  readonly meshLog: MeshLog;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  /** The disk said no to a sync: what it holds is unknown, so the process must end and look again. */
  readonly onFatal: (error: CooeeError) => void;
}

interface Proposal {
  readonly bytes: Uint8Array;
  readonly resolve: (index: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The leader of a log with one voter: what is on its disk is committed. It checks each batch before the log, appends all
 * that wait with one fsync, applies, and signs heads.
 */
export class Leader {
  readonly #components: LeaderComponents;
  readonly #term: number;
  readonly #stopped = new AbortController();
  #queue: Proposal[] = [];
  #pumping: Promise<void> | undefined;
  #head: { readonly index: number; readonly bytes: Uint8Array } | undefined;

  /** @param term - the term of this leadership; higher than any before */
  constructor(components: LeaderComponents, term: number) {
    this.#components = components;
    this.#term = term;
  }

  get term(): number {
    return this.#term;
  }

  /** Rejects what waits; what is being written is finished first. */
  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_SLURP_NO_LEADER', 'the leader stops'));
    for (const { reject } of this.#queue.splice(0)) reject(this.#stopped.signal.reason);
    await this.#pumping;
  }

  /**
   * Takes a batch in. Resolves with an index at which its outcome is known once that is committed; a batch that was
   * applied before gives the present index.
   *
   * @throws CooeeError ERR_WIRE_*, ERR_SLURP_SIGNATURE, ERR_SLURP_COMMAND, ERR_SLURP_LEVEL, ERR_MEMBERSHIP_NOT_MEMBER,
   *   ERR_MEMBERSHIP_REMOVED (never in the log), ERR_API_BUSY, ERR_STORAGE_* (try again)
   */
  async propose(bytes: Uint8Array): Promise<number> {
    const { meshLog } = this.#components;
    this.#stopped.signal.throwIfAborted();
    const batch = this.#check(bytes);
    if (isRepeated(meshLog.state, batch)) return meshLog.appliedIndex;
    if (this.#queue.length >= PROPOSALS_MAX) {
      throw new CooeeError('ERR_API_BUSY', 'too many batches wait for the disk');
    }
    return await new Promise<number>((resolve, reject) => {
      this.#queue.push({ bytes, resolve, reject });
      this.#pumping ??= this.#pump();
    });
  }

  /** The head of the applied log, signed. */
  head(): Uint8Array {
    const { meshLog, signer, clock } = this.#components;
    const index = meshLog.appliedIndex;
    if (this.#head?.index !== index) {
      const bytes = encodeHead(signer, {
        mesh: meshLog.meshId,
        epoch: 0,
        term: this.#term,
        index,
        root: meshLog.appliedRoot(),
        voters: [signer.peer],
        timeMs: clock.nowMs(),
      });
      this.#head = { index, bytes };
    }
    return this.#head.bytes;
  }

  #check(bytes: Uint8Array) {
    const { meshLog, crypto } = this.#components;
    const signed = decodeBatch(bytes);
    const batch = signed.value;
    if (batch.mesh !== meshLog.meshId) {
      throw new CooeeError('ERR_SLURP_COMMAND', 'the batch is for another mesh');
    }
    const member = meshLog.state.get('member', batch.origin);
    if (member === undefined) throw new CooeeError('ERR_MEMBERSHIP_NOT_MEMBER');
    if (member.removedIndex !== null) throw new CooeeError('ERR_MEMBERSHIP_REMOVED');
    if (!isBatchSigned(crypto, signed)) throw new CooeeError('ERR_SLURP_SIGNATURE');
    for (const command of batch.commands) assertCommand(command);
    return batch;
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      const proposals = this.#queue.splice(0, APPEND_ENTRIES_MAX);
      try {
        const first = await this.#append(proposals);
        for (const [i, { resolve }] of proposals.entries()) resolve(first + i);
      } catch (error) {
        for (const { reject } of proposals) reject(error);
        if (!(await this.#recover(error))) break;
      }
    }
    this.#pumping = undefined;
  }

  async #append(proposals: readonly Proposal[]): Promise<number> {
    const { meshLog, clock } = this.#components;
    const first = meshLog.tailIndex + 1;
    const timeMs = Math.max(meshLog.appliedTimeMs, clock.nowMs());
    const records = proposals.map(({ bytes }, i) => ({
      index: first + i,
      term: this.#term,
      bytes: encodeEntry({ index: first + i, term: this.#term, timeMs, batch: bytes }),
    }));
    const last = first + records.length - 1;
    await meshLog.append(records, last);
    await meshLog.commitTo(last);
    return first;
  }

  /**
   * After a failed write nothing is acknowledged until the log was opened again. What turns out to be on the disk after
   * all is committed: with one voter it is the log.
   */
  async #recover(thrown: unknown): Promise<boolean> {
    const { meshLog, clock, health, logger } = this.#components;
    let error = toError(thrown);
    for (;;) {
      if (isCooeeError(error) && error.details['fatal'] === true) {
        this.#components.onFatal(error);
        return false;
      }
      const remedy = isCooeeError(error) ? error.remedy : 'See the log of the daemon.';
      const text = `The log cannot be written: ${error.message}`;
      logger.error({ err: error }, 'the log cannot be written; opening it again');
      health.raise({ code: 'log-failed', severity: 'error', text, remedy });
      this.#failQueue(error);
      try {
        await delay(clock, REOPEN_DELAY_MS, this.#stopped.signal);
        await meshLog.reopenLog();
        await meshLog.commitTo(meshLog.tailIndex);
        health.clear('log-failed');
        return true;
      } catch (again) {
        if (this.#stopped.signal.aborted) return false;
        error = toError(again);
      }
    }
  }

  #failQueue(error: Error): void {
    for (const { reject } of this.#queue.splice(0)) reject(error);
  }
}
