import { CooeeError, type Crypto, isCooeeError } from '../../interface/index.ts';
import { equalBytes, type Signed } from '../../wire/index.ts';
import { ChurnMap } from '../churn-map.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { type AppliedEntry, isRepeated } from '../machine/apply.ts';
import { type Batch, batchSignedHere, decodeBatch, isBatchSigned } from '../machine/codec.ts';
import { assertCommand, assertOwnId } from '../machine/kinds.ts';
import { isLeaderBatch, isLeaderKind } from '../machine/leader-kinds.ts';
import type { MadeBatch } from './leader-batch.ts';

/** Batches that may wait for the disk; beyond that their origins keep them a little longer. */
const PROPOSALS_MAX = 1_024;
/** Entries that share one fsync. */
const GROUP_ENTRIES_MAX = 256;
/** And no more than this: a log takes half a segment at once, a store's batch should stay small. */
const GROUP_BYTES_MAX = 1024 * 1024;

/** Why a proposal is given back. */
export const LEADER_ENDS = 'this node does not lead any more';

/** What {@link Proposals} works with. */
export interface ProposalsComponents {
  readonly meshLog: MeshLog;
  readonly crypto: Crypto;
  /** Refuses what cannot be proposed yet: it comes again. @throws CooeeError */
  readonly assertReady?: ((batch: Batch) => void) | undefined;
}

/** A batch that is to be an entry of the log. */
export interface Proposal extends MadeBatch {
  readonly resolve: (index: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Whether it changes who votes. */
export function isChange({ batch }: MadeBatch): boolean {
  return isLeaderBatch(batch) && batch.commands[0]?.kind === 'voter.change';
}

/** There is no leader, or it is not this node: whoever asked tries again, here or elsewhere. */
export function noLeader(message?: string): CooeeError {
  return new CooeeError('ERR_SLURP_NO_LEADER', message);
}

/**
 * Batches on their way into the log of a leader: checked before the log, grouped, and answered when
 * the entry that holds them was applied here.
 */
export class Proposals {
  readonly #components: ProposalsComponents;
  #queue: Proposal[] = [];
  /** Appended and not applied yet, by index. */
  readonly #placed = new ChurnMap<number, Proposal>();
  /** By origin and number: an origin that asks again shares the answer. */
  readonly #known = new ChurnMap<string, { readonly bytes: Uint8Array; done: Promise<number> }>();

  constructor(components: ProposalsComponents) {
    this.#components = components;
  }

  /** Whether any wait to be appended. */
  get isWaiting(): boolean {
    return this.#queue.length > 0;
  }

  /**
   * Takes batches of one origin in, in their order: one that is refused ends the row, for what
   * comes behind it must not overtake it. Resolves with an index at which the outcome of the first
   * is known, and of as many behind it as were taken, once that is applied here.
   *
   * @param isOwn handed in by this node's own outbox, which signed them: not checked again
   * @throws CooeeError of the first, ERR_WIRE_VERSION, ERR_SLURP_SIGNATURE, ERR_SLURP_COMMAND,
   *   ERR_SLURP_LEVEL, ERR_MEMBERSHIP_NOT_MEMBER, ERR_MEMBERSHIP_REMOVED: refused, it will not be
   *   in the log
   * @throws CooeeError of the first, ERR_API_BUSY; and what {@link failAll} is given: it may come
   *   to be in the log, try again
   */
  async add(batches: readonly Uint8Array[], isOwn = false): Promise<number> {
    const answers: Promise<number>[] = [];
    for (const bytes of batches) {
      try {
        answers.push(this.#admit(bytes, isOwn));
      } catch (error) {
        // What was wrong with a later one is said when its origin has it for its first.
        if (answers.length === 0) throw error;
        break;
      }
    }
    let index = 0;
    for (const answer of await Promise.allSettled(answers)) {
      if (answer.status === 'fulfilled') index = answer.value;
      else if (index === 0) throw answer.reason;
      else break;
    }
    return index;
  }

  /** As {@link add}, for a batch that the leader made itself. */
  enqueue({ bytes, batch }: MadeBatch): Promise<number> {
    return this.#enqueue(bytes, batch);
  }

  /**
   * The next group to append; the caller says where it went, or fails it. A change of the voters is
   * alone in its own: the core may refuse it, and would refuse all that is with it.
   */
  take(): readonly Proposal[] {
    let bytes = 0;
    let taken = 0;
    for (const proposal of this.#queue) {
      bytes += proposal.bytes.length;
      if (taken === GROUP_ENTRIES_MAX || (taken > 0 && bytes > GROUP_BYTES_MAX)) break;
      if (taken > 0 && isChange(proposal)) break;
      taken++;
      if (isChange(proposal)) break;
    }
    return this.#queue.splice(0, taken);
  }

  /** The group was appended from this index on. */
  placed(group: readonly Proposal[], firstIndex: number): void {
    for (const [i, proposal] of group.entries()) this.#placed.set(firstIndex + i, proposal);
  }

  /** Who handed in what stands at these indices: they wait to hear of it. */
  *originsOf(first: number, last: number): Iterable<string> {
    // One that follows may learn of a million at once, and has nothing here.
    if (this.#placed.size === 0) return;
    for (let index = first; index <= last; index++) {
      const proposal = this.#placed.get(index);
      if (proposal !== undefined) yield proposal.batch.origin;
    }
  }

  /** An entry was applied: whoever waits for that index is told. */
  applied(entry: AppliedEntry): void {
    const proposal = this.#placed.get(entry.index);
    if (proposal === undefined) return;
    this.#placed.delete(entry.index);
    // Another leader's entry took the place: ours is gone, and its origin tries again.
    if (equalBytes(proposal.bytes, entry.batchBytes)) proposal.resolve(entry.index);
    else proposal.reject(new CooeeError('ERR_SLURP_NO_LEADER', 'the leader changed'));
  }

  /** All that wait are told to try again: what became of them is not known here. */
  failAll(error: CooeeError): void {
    const all = [...this.#queue.splice(0), ...this.#placed.values()];
    this.#placed.clear();
    for (const { reject } of all) reject(error);
  }

  #admit(bytes: Uint8Array, isOwn: boolean): Promise<number> {
    const { meshLog } = this.#components;
    const batch = this.#check(bytes, isOwn);
    if (isRepeated(meshLog.state, batch)) return Promise.resolve(meshLog.appliedIndex);
    const key = `${batch.origin} ${batch.boot} ${batch.seq}`;
    const known = this.#known.get(key);
    if (known !== undefined && equalBytes(known.bytes, bytes)) return known.done;
    this.#components.assertReady?.(batch);
    if (this.#queue.length >= PROPOSALS_MAX) {
      throw new CooeeError('ERR_API_BUSY', 'too many batches wait for the disk');
    }
    const done = this.#enqueue(bytes, batch).finally(() => {
      if (this.#known.get(key) === proposed) this.#known.delete(key);
    });
    const proposed = { bytes, done };
    this.#known.set(key, proposed);
    return done;
  }

  #enqueue(bytes: Uint8Array, batch: Batch): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ bytes, batch, resolve, reject });
    });
  }

  #check(bytes: Uint8Array, isOwn: boolean): Batch {
    const { meshLog, crypto } = this.#components;
    const own = isOwn ? batchSignedHere(bytes) : undefined;
    const signed = own === undefined ? decodeProposed(bytes) : undefined;
    const batch = own ?? (signed as Signed<Batch>).value;
    if (batch.mesh !== meshLog.meshId) {
      throw new CooeeError('ERR_SLURP_COMMAND', 'the batch is for another mesh');
    }
    const member = meshLog.state.get('member', batch.origin);
    if (member === undefined) throw new CooeeError('ERR_MEMBERSHIP_NOT_MEMBER');
    if (member.removedIndex !== null) throw new CooeeError('ERR_MEMBERSHIP_REMOVED');
    if (signed !== undefined && !isBatchSigned(crypto, signed)) {
      throw new CooeeError('ERR_SLURP_SIGNATURE');
    }
    for (const command of batch.commands) {
      if (isLeaderKind(command.kind)) {
        throw new CooeeError('ERR_SLURP_COMMAND', `${command.kind} is the leader's own`);
      }
      // This node's own were checked when they were made.
      if (own !== undefined) continue;
      assertCommand(command);
      assertOwnId(crypto.sha256, batch.origin, command);
    }
    return batch;
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
