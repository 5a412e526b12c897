import type { HeadName, KeptHead, TrustStore } from '../trust-store.ts';

const nameOf = (voter: string): HeadName => `voter/${voter}`;

/** Verified heads of different indices that a later one is compared with. */
const RECENT_MAX = 64;

/** Values of heads by name; those without one are forgotten. */
type KeptHeads = Partial<Record<HeadName, Uint8Array | undefined>>;

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
  /** Of each voter whose signature the highest does not have: the last that had it. */
  readonly #signed = new Map<string, KeptHead>();
  #writing: Promise<void> = Promise.resolve();

  /** Loads what was kept. @throws CooeeError ERR_WIRE_* when it is damaged, ERR_STORAGE_* */
  async open(store: Pick<TrustStore, 'head' | 'signedHeads'>): Promise<void> {
    for (const [voter, head] of await store.signedHeads()) this.#signed.set(voter, head);
    this.highest = await store.head('highest');
    this.mark = await store.head('mark');
    this.newest = this.highest;
    for (const head of [this.mark, this.highest]) if (head !== undefined) this.note(head);
  }

  /**
   * The highest that a voter signed: it had all of that. A later one that others signed without it
   * does not take its word back.
   */
  signedBy(voter: string): KeptHead | undefined {
    return isSignedBy(this.highest, voter) ? this.highest : this.#signed.get(voter);
  }

  /**
   * Makes this the highest, unless there is a higher one; it is kept when it resolves.
   *
   * @param assertInForce throws when a recovery that was followed gives this head up
   * @throws CooeeError what that throws, ERR_STORAGE_*
   */
  async adopt(
    store: Pick<TrustStore, 'keepHeads'>,
    head: KeptHead,
    assertInForce: () => void,
  ): Promise<void> {
    const adopting = this.#writing.then(async () => {
      assertInForce();
      if (head.signed.head.index <= (this.highest?.signed.head.index ?? 0)) return;
      const kept = this.#keptWith(head);
      await store.keepHeads(kept);
      try {
        assertInForce();
      } catch (error) {
        // What was followed meanwhile gave up the highest that it met, which was not this one yet.
        await store.keepHeads(this.#keptNow(Object.keys(kept) as HeadName[]));
        throw error;
      }
      this.#raise(head);
    });
    this.#writing = adopting.catch(() => undefined);
    await adopting;
  }

  /** What the disk has to keep, and to forget, with this as the highest. */
  #keptWith(highest: KeptHead): KeptHeads {
    const kept: KeptHeads = { highest: highest.bytes };
    for (const [voter, head] of this.#signedWith(highest)) kept[nameOf(voter)] = head?.bytes;
    return kept;
  }

  /** What the disk has to keep under these names, and to forget, as it is here. */
  #keptNow(names: readonly HeadName[]): KeptHeads {
    const heads = new Map(this.#named());
    return Object.fromEntries(names.map((name) => [name, heads.get(name)?.bytes]));
  }

  #raise(highest: KeptHead): void {
    for (const [voter, head] of this.#signedWith(highest)) {
      if (head === undefined) this.#signed.delete(voter);
      else this.#signed.set(voter, head);
    }
    this.highest = highest;
    if (highest.signed.head.index > (this.newest?.signed.head.index ?? 0)) this.newest = highest;
  }

  /** Voters of whom another head, or none (undefined), is kept by name with this as the highest. */
  #signedWith(highest: KeptHead): Map<string, KeptHead | undefined> {
    const changes = new Map<string, KeptHead | undefined>();
    const { voters } = highest.signed.head;
    for (const { voter } of this.highest?.signed.signatures ?? []) {
      if (voters.includes(voter) && !isSignedBy(highest, voter)) changes.set(voter, this.highest);
    }
    for (const voter of this.#signed.keys()) {
      if (!voters.includes(voter) || isSignedBy(highest, voter)) changes.set(voter, undefined);
    }
    return changes;
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
    const kept = this.#named();
    return kept.filter(([, head]) => isGivenUp(head, beginning)).map(([name]) => name);
  }

  /** Whether there is one that the disk has under that name. */
  has(name: HeadName): boolean {
    return this.#named().some(([named, head]) => named === name && head !== undefined);
  }

  /** Those that are on the disk, by their names there. */
  #named(): readonly (readonly [HeadName, KeptHead | undefined])[] {
    const voters = [...this.#signed].map(([voter, head]) => [nameOf(voter), head] as const);
    return [['highest', this.highest], ['mark', this.mark], ...voters];
  }

  /** Forgets what the beginning of an epoch gives up. */
  giveUp(beginning: EpochBeginning): void {
    if (isGivenUp(this.highest, beginning)) this.highest = undefined;
    if (isGivenUp(this.mark, beginning)) this.mark = undefined;
    if (isGivenUp(this.newest, beginning)) this.newest = this.highest;
    this.early = undefined;
    for (const [voter, head] of this.#signed) {
      if (isGivenUp(head, beginning)) this.#signed.delete(voter);
    }
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

function isSignedBy(kept: KeptHead | undefined, voter: string): boolean {
  return kept?.signed.signatures.some((signature) => signature.voter === voter) === true;
}

function isGivenUp(
  kept: KeptHead | undefined,
  { index, epoch, commitIndex }: EpochBeginning,
): boolean {
  const head = kept?.signed.head;
  if (head === undefined || head.epoch >= epoch) return false;
  return head.index >= index || head.index > commitIndex;
}
