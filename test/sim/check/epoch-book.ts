import { Violation } from '../world/world.ts';

/** What a node is seen to do about epochs, after a step. */
export interface EpochSight {
  readonly node: string;
  readonly nowMs: number;
  /** Which recovery it follows; its id is empty in the first epoch. */
  readonly current: { readonly epoch: number; readonly id: string };
  /** Which one its state is of. */
  readonly ofState: string;
  /** Recoveries that it keeps as valid. */
  readonly kept: readonly string[];
  /** It drives Raft: it can vote, and commit what it leads. */
  readonly isVoting: boolean;
  /** It neither drives Raft nor pulls. */
  readonly isIdle: boolean;
  readonly commit: number;
  /** Frozen, or its disk is slow or full. */
  readonly isHindered: boolean;
}

interface Known {
  current: EpochSight['current'];
  /** When it should have come to rest, without what hindered it; undefined when it need not. */
  dueMs: number | undefined;
  /** It has come to rest. */
  isResting: boolean;
  /** What was committed when two recoveries had stopped it. */
  haltedAt: number | undefined;
  /** Recoveries that it was shown, by what it took in. */
  readonly shown: Set<string>;
}

/** So long the leaving of a seat may take: writes under way are waited for. */
const REST_MS = 3_000;

/**
 * What must always hold of epochs: nobody follows one that the operator did not sign, nobody goes
 * back, and who knows of a later one, or of two of the same, is no voter any more.
 */
export class EpochBook {
  /** Epoch by id, of every recovery that the operator has signed. */
  readonly #signed = new Map<string, number>();
  readonly #nodes = new Map<string, Known>();

  get signed(): ReadonlyMap<string, number> {
    return this.#signed;
  }

  /** The operator's key was used for this. */
  sign(id: string, epoch: number): void {
    this.#signed.set(id, epoch);
  }

  /** A node has taken a recovery for valid. */
  shown(node: string, id: string): void {
    this.#assertSigned(node, id);
    this.#known(node).shown.add(id);
  }

  /** A process has begun; what its disk holds it has taken in before. */
  started(node: string): void {
    const known = this.#known(node);
    Object.assign(known, { dueMs: undefined, isResting: false, haltedAt: undefined });
  }

  /** The disk of a node is another one. */
  forget(node: string): void {
    this.#nodes.delete(node);
  }

  look(sight: EpochSight): void {
    const { node, current, kept } = sight;
    const known = this.#known(node);
    for (const id of [current.id, ...kept]) this.#assertSigned(node, id);
    const before = known.current;
    if (current.epoch < before.epoch) {
      throw new Violation('epochs-never-back', `${node}: ${before.epoch} to ${current.epoch}`);
    }
    if (current.epoch === before.epoch && current.id !== before.id) {
      throw new Violation('one-of-two-epochs', `${node} goes over to another ${current.epoch}`);
    }
    known.current = current;
    this.#assertRest(known, sight);
  }

  /** Votes are over for who knows of a later epoch, or of two of one. */
  #assertRest(known: Known, sight: EpochSight): void {
    const { node, nowMs, current, ofState, isVoting, isIdle, commit, isHindered } = sight;
    const isHalted = this.#hasRival(known);
    if (!isHalted) known.haltedAt = undefined;
    if (!isHalted && ofState === current.id) {
      known.dueMs = undefined;
      known.isResting = false;
      return;
    }
    if (isHindered || known.dueMs === undefined) known.dueMs = nowMs + REST_MS;
    if (isVoting) {
      if (known.isResting) throw new Violation('halted', `${node} takes its seat again`);
      if (nowMs > known.dueMs) throw new Violation('halted', `${node} votes on`);
      return;
    }
    known.isResting = true;
    if (!isHalted || !isIdle) return;
    known.haltedAt ??= commit;
    if (commit !== known.haltedAt) throw new Violation('halted', `${node} commits ${commit}`);
  }

  #hasRival({ shown, current }: Known): boolean {
    for (const id of shown) {
      if (id !== current.id && this.#signed.get(id) === current.epoch) return true;
    }
    return false;
  }

  #assertSigned(node: string, id: string): void {
    if (id === '' || this.#signed.has(id)) return;
    throw new Violation('epochs-are-signed', `${node} takes ${id}, which nobody signed`);
  }

  #known(node: string): Known {
    let known = this.#nodes.get(node);
    if (known === undefined) {
      known = {
        ...{ current: { epoch: 0, id: '' }, dueMs: undefined, isResting: false },
        ...{ haltedAt: undefined, shown: new Set() },
      };
      this.#nodes.set(node, known);
    }
    return known;
  }
}
