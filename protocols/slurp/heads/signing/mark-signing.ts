import { type Clock, isCooeeError, type Logger, toError } from '../../../interface/index.ts';
import type { Head } from '../../machine/codec.ts';
import type { StateMark, StateMarks } from '../ports.ts';
import type { TrustBook } from '../trust-book.ts';
import { OtherStates } from './other-states.ts';

/** A leader with another state than the others tries to hand over so often. */
const OUTVOTED_MS = 10_000;

/** What {@link MarkSigning} works with. */
export interface MarkSigningComponents {
  /** Undefined while no snapshots are made. */
  readonly marks?: StateMarks | undefined;
  readonly trust: Pick<TrustBook, 'electorateAt' | 'epochs' | 'mark'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * A majority of the voters has one and the same state at a mark, and this leader another: it
   * should not lead, so that the others' can be signed.
   */
  readonly onOutvoted?: ((index: number) => void) | undefined;
  /** Whether a change of voters up to an index waits for the link to the new ones. */
  readonly isUnlinked: (index: number) => boolean;
  /** Has a head signed by a majority; tells why a voter does not. */
  readonly sign: (
    of: Pick<Head, 'index' | 'root' | 'stateCid'>,
    onRefused: (error: Error) => void,
  ) => Promise<Uint8Array>;
  /** Shows a signed head to the mesh. */
  readonly publish: (bytes: Uint8Array) => void;
}

/** Has the state at marks of the log signed, for the leader. */
export class MarkSigning {
  readonly #components: MarkSigningComponents;
  /** Index of the last mark whose state is in a signed head. */
  #signed = 0;
  /** When {@link MarkSigningComponents.onOutvoted} was told last. */
  #outvotedMs = Number.NEGATIVE_INFINITY;

  constructor(components: MarkSigningComponents) {
    this.#components = components;
  }

  /**
   * A head with the CID of the state, at the newest mark that a majority has the state of: voters
   * that need longer for theirs than this node, or that left one out, may still hold the one
   * before.
   *
   * @returns false when a change of voters has to get its link first
   * @throws CooeeError why there is none at the newest mark; as {@link MarkSigningComponents.sign}
   */
  async sign(): Promise<boolean> {
    const { marks, trust, isUnlinked } = this.#components;
    let refusal: Error | undefined;
    for (const mark of marks?.recent() ?? []) {
      const known = Math.max(this.#signed, trust.mark()?.signed.head.index ?? 0);
      // Nobody signs for an epoch that is over: the next mark will have a head again.
      const isOver = (trust.electorateAt(mark.index).epoch ?? 0) < trust.epochs.current.epoch;
      if (mark.index <= known || isOver) break;
      // A change that came in the meantime has its link made first: nobody would make it later.
      if (isUnlinked(mark.index)) return false;
      let isRefused = false;
      const onRefused = (error: Error): void => {
        isRefused ||= isCooeeError(error, 'ERR_SLURP_HEAD');
      };
      try {
        await this.#signAt(mark, onRefused);
        break;
      } catch (error) {
        // Whichever voter answered last: one refused, and may not the one before.
        if (!isRefused) throw error;
        refusal ??= toError(error);
      }
    }
    // The newest is to be tried again, though the one before was signed.
    if (refusal !== undefined) throw refusal;
    return true;
  }

  async #signAt(
    { index, root, stateCid }: StateMark,
    onRefused: (error: Error) => void,
  ): Promise<void> {
    const { trust, sign, publish } = this.#components;
    const others = new OtherStates(trust.electorateAt(index).signers.length);
    try {
      const bytes = await sign({ index, root, stateCid }, (error) => {
        others.heard(error);
        onRefused(error);
      });
      this.#signed = index;
      publish(bytes);
    } finally {
      if (others.isMajority) this.#tellOutvoted(index);
    }
  }

  /** Again only after a while: who should take over may not be able to right now. */
  #tellOutvoted(index: number): void {
    const { clock, logger, onOutvoted } = this.#components;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#outvotedMs < OUTVOTED_MS) return;
    this.#outvotedMs = nowMs;
    logger.error({ index }, 'a majority of the voters has another state than this leader');
    onOutvoted?.(index);
  }
}
