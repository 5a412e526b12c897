import type { Condition } from '../../interface/index.ts';
import type { HeadName, KeptHead, TrustStore } from './trust-store.ts';

/** Verified heads of different indices that a later one is compared with. */
const RECENT_MAX = 64;

/** What is raised when two different heads were signed for one index. */
export const forkCondition = (index: number): Condition => ({
  code: 'forked-log',
  severity: 'error',
  text: `Two different heads were signed at index ${index}.`,
  remedy: 'A voter ran twice or was restored from a copy: see docs/operations.md.',
});

/** The verified heads that a book keeps at hand. */
export class KnownHeads {
  /** The highest that the log here fits. */
  highest: KeptHead | undefined;
  /** The highest, whether or not its entries are here. */
  newest: KeptHead | undefined;
  /** The highest that holds the CID of a state. */
  mark: KeptHead | undefined;
  /** The last head called out that names voters whom this node does not know yet. */
  early: KeptHead | undefined;
  /** By index, of the last heads that were verified, the youngest last. */
  readonly #recent = new Map<number, KeptHead>();

  /** Loads what was kept. @throws CooeeError ERR_WIRE_* when it is damaged, ERR_STORAGE_* */
  async open(store: Pick<TrustStore, 'head'>): Promise<void> {
    this.highest = await store.head('highest');
    this.mark = await store.head('mark');
    this.newest = this.highest;
    for (const head of [this.mark, this.highest]) if (head !== undefined) this.note(head);
  }

  /**
   * The head at the index of this one, when it is one of the last. Else this one is there from now
   * on, so that another is compared with it however soon it comes.
   */
  meet(head: KeptHead): KeptHead | undefined {
    const known = this.#recent.get(head.signed.head.index);
    if (known === undefined) this.note(head);
    return known;
  }

  /** Keeps a head in mind for a while. */
  note(head: KeptHead): void {
    const { index } = head.signed.head;
    this.#recent.delete(index);
    this.#recent.set(index, head);
    if (this.#recent.size <= RECENT_MAX) return;
    const oldest = this.#recent.keys().next();
    if (oldest.done !== true) this.#recent.delete(oldest.value);
  }

  /** Which of those on the disk the beginning of an epoch gives up. */
  givenUpBy(beginning: EpochBeginning): HeadName[] {
    const kept = { highest: this.highest, mark: this.mark } as const;
    return (['highest', 'mark'] as const).filter((name) => isGivenUp(kept[name], beginning));
  }

  /** Forgets what the beginning of an epoch gives up. */
  giveUp(beginning: EpochBeginning): void {
    if (isGivenUp(this.highest, beginning)) this.highest = undefined;
    if (isGivenUp(this.mark, beginning)) this.mark = undefined;
    if (isGivenUp(this.newest, beginning)) this.newest = this.highest;
    this.early = undefined;
    for (const [index, head] of this.#recent) {
      if (isGivenUp(head, beginning)) this.#recent.delete(index);
    }
  }
}

/** Where an epoch begins: what earlier ones have from that index on is of another log. */
export interface EpochBeginning {
  readonly index: number;
  readonly epoch: number;
  /** The end of what is committed here: of later heads it is not certain of which log they are. */
  readonly commitIndex: number;
}

function isGivenUp(
  kept: KeptHead | undefined,
  { index, epoch, commitIndex }: EpochBeginning,
): boolean {
  const head = kept?.signed.head;
  if (head === undefined || head.epoch >= epoch) return false;
  return head.index >= index || head.index > commitIndex;
}
