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
} from '../../interface/index.ts';
import { equalBytes, type Signed } from '../../wire/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { isRepeated } from '../machine/apply.ts';
import {
  type Batch,
  decodeBatch,
  encodeEntry,
  encodeHead,
  isBatchSigned,
} from '../machine/codec.ts';
import { assertCommand } from '../machine/kinds.ts';

/** Batches that may wait for the disk; beyond that their origins keep them a little longer. */
const PROPOSALS_MAX = 1_024;
/** Entries that share one fsync. */
const APPEND_ENTRIES_MAX = 256;
/** And no more than this: a log takes half a segment at once, a store's batch should stay small. */
const APPEND_BYTES_MAX = 1024 * 1024;
const REOPEN_DELAY_MS = 500;

/** What a leader is built from. */
export interface LeaderComponents {
  readonly meshLog: MeshLog;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
  /**
   * The disk said no to a sync: what it holds is unknown, so the process must end and look again.
   */
  readonly onFatal: (error: CooeeError) => void;
}

interface Proposal {
  readonly bytes: Uint8Array;
  readonly resolve: (index: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The leader of a log with one voter: what is on its disk is committed. It checks each batch before
 * the log, appends all that wait with one fsync, applies, and signs heads.
 */
export class Leader {
  readonly #components: LeaderComponents;
  readonly #term: number;
  readonly #stopped = new AbortController();
  #queue: Proposal[] = [];
  /**
   * Batches on their way to the disk by origin and number: an origin that asks again shares the
   * answer.
   */
  readonly #proposed = new Map<string, { readonly bytes: Uint8Array; done: Promise<number> }>();
  #pumping: Promise<void> | undefined;
  #head: { readonly index: number; readonly bytes: Uint8Array } | undefined;
  #fatal: CooeeError | undefined;

  /** @param term - the term of this leadership; higher than any before */
  constructor(components: LeaderComponents, term: number) {
    this.#components = components;
    this.#term = term;
  }

  get term(): number {
    return this.#term;
  }

  /** Rejects what waits; what is being appended is finished first. */
  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_SLURP_NO_LEADER', 'the leader stops'));
    for (const { reject } of this.#queue.splice(0)) reject(this.#stopped.signal.reason);
    await this.#pumping;
  }

  /**
   * Takes a batch in. Resolves with an index at which its outcome is known once that is committed;
   * a batch that was applied before gives the present index.
   *
   * @throws CooeeError ERR_WIRE_VERSION, ERR_SLURP_SIGNATURE, ERR_SLURP_COMMAND, ERR_SLURP_LEVEL,
   *   ERR_MEMBERSHIP_NOT_MEMBER, ERR_MEMBERSHIP_REMOVED: refused, it will not be in the log
   * @throws CooeeError ERR_API_BUSY, ERR_STORAGE_*, ERR_SLURP_NO_LEADER: it may come to be in the
   * log; try again
   */
  async propose(bytes: Uint8Array): Promise<number> {
    const { meshLog } = this.#components;
    this.#stopped.signal.throwIfAborted();
    if (this.#fatal !== undefined) throw this.#fatal;
    // Without applying nothing can be checked, and the log would only grow.
    if (meshLog.halted !== undefined) throw notApplied(meshLog.halted);
    const batch = this.#check(bytes);
    if (isRepeated(meshLog.state, batch)) return meshLog.appliedIndex;
    const key = `${batch.origin} ${batch.boot} ${batch.seq}`;
    const known = this.#proposed.get(key);
    if (known !== undefined && equalBytes(known.bytes, bytes)) return await known.done;
    if (this.#queue.length >= PROPOSALS_MAX) {
      throw new CooeeError('ERR_API_BUSY', 'too many batches wait for the disk');
    }
    const done = new Promise<number>((resolve, reject) => {
      this.#queue.push({ bytes, resolve, reject });
    });
    const proposed = { bytes, done };
    this.#proposed.set(key, proposed);
    this.#pumping ??= this.#pump();
    try {
      return await done;
    } finally {
      if (this.#proposed.get(key) === proposed) this.#proposed.delete(key);
    }
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

  #check(bytes: Uint8Array): Batch {
    const { meshLog, crypto } = this.#components;
    const signed = decodeProposed(bytes);
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
    // One turn, so that batches of one moment share an fsync, the first of them included.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const proposals = this.#take();
      try {
        const first = await this.#append(proposals);
        await this.#apply(first + proposals.length - 1);
        for (const [i, { resolve }] of proposals.entries()) resolve(first + i);
      } catch (error) {
        for (const { reject } of proposals) reject(error);
        if (!(await this.#recover(error))) break;
      }
    }
    this.#pumping = undefined;
  }

  #take(): readonly Proposal[] {
    let bytes = 0;
    let taken = 0;
    for (const proposal of this.#queue) {
      bytes += proposal.bytes.length;
      if (taken === APPEND_ENTRIES_MAX || (taken > 0 && bytes > APPEND_BYTES_MAX)) break;
      taken++;
    }
    return this.#queue.splice(0, taken);
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
    await meshLog.append(records, first + records.length - 1);
    return first;
  }

  /**
   * The entries stand by now: whatever goes wrong from here on is no refusal, or their origins
   * would drop them.
   */
  async #apply(index: number): Promise<void> {
    try {
      await this.#components.meshLog.commitTo(index, this.#stopped.signal);
    } catch (error) {
      throw notApplied(error);
    }
  }

  /**
   * After a failed write nothing is acknowledged until the log was opened again. What turns out to
   * be on the disk after all is committed: with one voter it is the log. False when there is no
   * going on.
   */
  async #recover(thrown: unknown): Promise<boolean> {
    const { meshLog, clock, health, logger } = this.#components;
    let error = toError(thrown);
    for (;;) {
      if (isCooeeError(error) && error.details['fatal'] === true) {
        this.#fatal = error;
        this.#failQueue(error);
        this.#components.onFatal(error);
        return false;
      }
      if (meshLog.halted !== undefined) {
        this.#failQueue(notApplied(meshLog.halted));
        return false;
      }
      if (this.#stopped.signal.aborted) return false;
      const remedy = isCooeeError(error) ? error.remedy : 'See the log of the daemon.';
      const text = `The log cannot be written: ${error.message}`;
      logger.error({ err: error }, 'the log cannot be written; opening it again');
      health.raise({ code: 'log-failed', severity: 'error', text, remedy });
      this.#failQueue(error);
      try {
        await delay(clock, REOPEN_DELAY_MS, this.#stopped.signal);
        await meshLog.reopenLog();
        await meshLog.commitTo(meshLog.tailIndex, this.#stopped.signal);
        health.clear('log-failed');
        return true;
      } catch (again) {
        error = toError(again);
      }
    }
  }

  #failQueue(error: Error): void {
    for (const { reject } of this.#queue.splice(0)) reject(error);
  }
}

/**
 * What is wrong with the batch itself is told apart from what the way to here did to it
 * (ERR_WIRE_*): it is final.
 */
function decodeProposed(bytes: Uint8Array): Signed<Batch> {
  try {
    return decodeBatch(bytes);
  } catch (cause) {
    if (!isCooeeError(cause, 'ERR_WIRE_MALFORMED') && !isCooeeError(cause, 'ERR_WIRE_TOO_LARGE')) {
      throw cause;
    }
    throw new CooeeError('ERR_SLURP_COMMAND', `the batch is malformed: ${cause.message}`, {
      cause,
    });
  }
}

function notApplied(cause: unknown): CooeeError {
  return new CooeeError('ERR_SLURP_NO_LEADER', 'the leader cannot apply the log', { cause });
}
