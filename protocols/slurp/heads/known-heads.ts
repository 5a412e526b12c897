import type { Health, Metrics, StateReader } from '../../interface/index.ts';
import type { HeadName, KeptHead, TrustStore } from './trust-store.ts';

const nameOf = (voter: string): HeadName => `voter/${voter}`;

/** Verified heads of different indices that a later one is compared with. */
const RECENT_MAX = 64;

/** Two heads of one index with different roots: proof that a voter is at fault. */
interface Fork {
  readonly ours: KeptHead;
  readonly theirs: KeptHead;
}

/** What {@link KnownHeads.tellFork} goes by. */
export interface ForkPlace {
  readonly health: Health;
  readonly metrics: Metrics;
  readonly state: StateReader;
  /** The epoch that is followed. */
  readonly epoch: number;
}

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
  /** The first that was found. */
  #fork: Fork | undefined;
  #isForkKept = false;
  #isForkOver = false;
  /** By index, of the last heads that were verified, the youngest last. */
  readonly #recent = new Map<number, KeptHead>();
  /** Of each voter whose signature the highest does not have: the last that had it. */
  readonly #signed = new Map<string, KeptHead>();

  /** Loads what was kept. @throws CooeeError ERR_WIRE_* when it is damaged, ERR_STORAGE_* */
  async open(store: Pick<TrustStore, 'head' | 'signedHeads'>): Promise<void> {
    for (const [voter, head] of await store.signedHeads()) this.#signed.set(voter, head);
    const [ours, theirs] = [await store.head('fork-ours'), await store.head('fork-theirs')];
    if (ours !== undefined && theirs !== undefined) this.#fork = { ours, theirs };
    this.#isForkKept = this.#fork !== undefined;
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

  /** What the disk has to keep, and to forget, with this as the highest. */
  keptWith(highest: KeptHead): Partial<Record<HeadName, Uint8Array | undefined>> {
    const kept: Partial<Record<HeadName, Uint8Array | undefined>> = { highest: highest.bytes };
    for (const [voter, head] of this.#signedWith(highest)) kept[nameOf(voter)] = head?.bytes;
    return kept;
  }

  /** This is the highest from now on. */
  raise(highest: KeptHead): void {
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

  /**
   * Two contradict each other. The first pair is the proof, and stays until it says nothing of this
   * mesh any more. @throws CooeeError
   */
  async keepFork(store: Pick<TrustStore, 'keepHeads'>, found: Fork): Promise<void> {
    if (this.#fork === undefined || this.#isForkOver) {
      this.#fork = found;
      this.#isForkKept = false;
      this.#isForkOver = false;
    }
    if (this.#isForkKept) return;
    const { ours, theirs } = this.#fork;
    await store.keepHeads({ 'fork-ours': ours.bytes, 'fork-theirs': theirs.bytes });
    this.#isForkKept = true;
  }

  /**
   * Raises `forked-log` while one of those that signed both heads is a member, in the epoch of the
   * proof: then those are to be trusted that are left, or the operator has chosen.
   */
  tellFork({ health, metrics, state, epoch }: ForkPlace): void {
    if (this.#fork === undefined) return;
    const { ours, theirs } = this.#fork;
    const { head, signatures } = theirs.signed;
    const signers = new Set(ours.signed.signatures.map(({ voter }) => voter));
    const both = signatures.map(({ voter }) => voter).filter((voter) => signers.has(voter));
    const isOut = (peer: string): boolean =>
      (state.get('member', peer)?.removedIndex ?? null) !== null;
    const isOver = head.epoch < epoch || both.every(isOut);
    this.#isForkOver = isOver;
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

  /** Which of those on the disk the beginning of an epoch gives up. */
  givenUpBy(beginning: EpochBeginning): HeadName[] {
    const kept: [HeadName, KeptHead | undefined][] = [
      ['highest', this.highest],
      ['mark', this.mark],
    ];
    for (const [voter, head] of this.#signed) kept.push([nameOf(voter), head]);
    return kept.filter(([, head]) => isGivenUp(head, beginning)).map(([name]) => name);
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
