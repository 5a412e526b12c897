import type { Health, Metrics, StateReader } from '../../../interface/index.ts';
import type { KeptHead, TrustStore } from '../trust-store.ts';

/** Two heads of one index with different roots: proof that a voter is at fault. */
export interface Fork {
  readonly ours: KeptHead;
  readonly theirs: KeptHead;
}

/** What {@link ForkProof.tell} goes by. */
export interface ForkPlace {
  readonly health: Health;
  readonly metrics: Metrics;
  readonly state: StateReader;
  /** The epoch that is followed. */
  readonly epoch: number;
}

/** The proof that voters signed two logs: kept, and told while it says something of this mesh. */
export class ForkProof {
  /** The first that was found. */
  #fork: Fork | undefined;
  #isKept = false;
  #isOver = false;

  /** Loads what was kept. @throws CooeeError ERR_WIRE_* when it is damaged, ERR_STORAGE_* */
  async open(store: Pick<TrustStore, 'head'>): Promise<void> {
    const [ours, theirs] = [await store.head('fork-ours'), await store.head('fork-theirs')];
    if (ours !== undefined && theirs !== undefined) this.#fork = { ours, theirs };
    this.#isKept = this.#fork !== undefined;
  }

  /**
   * Two contradict each other. The first pair is the proof, and stays until it says nothing of this
   * mesh any more. @throws CooeeError
   */
  async keep(store: Pick<TrustStore, 'keepHeads'>, found: Fork): Promise<void> {
    if (this.#fork === undefined || this.#isOver) {
      this.#fork = found;
      this.#isKept = false;
      this.#isOver = false;
    }
    if (this.#isKept) return;
    const { ours, theirs } = this.#fork;
    await store.keepHeads({ 'fork-ours': ours.bytes, 'fork-theirs': theirs.bytes });
    this.#isKept = true;
  }

  /**
   * Raises `forked-log` while one of those that signed both heads is a member, in the epoch of the
   * proof: then those are to be trusted that are left, or the operator has chosen.
   */
  tell({ health, metrics, state, epoch }: ForkPlace): void {
    if (this.#fork === undefined) return;
    const { ours, theirs } = this.#fork;
    const { head, signatures } = theirs.signed;
    const signers = new Set(ours.signed.signatures.map(({ voter }) => voter));
    const both = signatures.map(({ voter }) => voter).filter((voter) => signers.has(voter));
    const isOut = (peer: string): boolean =>
      (state.get('member', peer)?.removedIndex ?? null) !== null;
    const isOver = head.epoch < epoch || both.every(isOut);
    this.#isOver = isOver;
    metrics.gauge('cooee_slurp_forked', isOver ? 0 : 1);
    if (isOver) health.clear('forked-log');
    else {
      health.raise({
        code: 'forked-log',
        severity: 'error',
        text: `Two different heads were signed at index ${head.index}, both by ${both.join(', ')}.`,
        remedy: 'A voter ran twice or was restored from a copy: see docs/operations.md.',
      });
    }
  }
}
