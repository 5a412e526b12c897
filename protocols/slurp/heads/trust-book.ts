import {
  type Crypto,
  type Health,
  type KeyValueStore,
  type Logger,
  type Metrics,
  toError,
} from '../../interface/index.ts';
import type { TrustAnchor } from '../../membership/index.ts';
import { equalBytes, merkleRoot, toHex } from '../../wire/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { decodeHead, type SignedHead } from '../machine/codec.ts';
import { LINKS_MAX } from '../protocol.ts';
import { EpochBook } from '../recovery/epoch-book.ts';
import { isRecovery } from '../recovery/recovery-link.ts';
import { assertAnchor, electorateAt, reasonOf, refuseHead, verifyHead } from './head-rules.ts';
import { ForkProof } from './known/fork-proof.ts';
import { KeptLinks } from './known/kept-links.ts';
import { KnownHeads } from './known/known-heads.ts';
import { type MissingLink, votedIn } from './missing-links.ts';
import { RecoveredChain } from './recovered-chain.ts';
import type { SkippedLinks } from './skipped-links.ts';
import { type KeptHead, linkIndex, TrustStore } from './trust-store.ts';
import { VoterHistory } from './voter-history.ts';

/** What {@link TrustBook} works with. */
export interface TrustBookComponents {
  readonly meshLog: Pick<
    MeshLog,
    'appliedIndex' | 'commitIndex' | 'frontierAt' | 'meshId' | 'onApplied' | 'read' | 'state'
  >;
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * What a node trusts of the log: heads signed by a majority of the voters in force, from its anchor
 * on along the chain of links. Nothing here depends on who brought a head or a link.
 */
export class TrustBook {
  /** Which epoch of the mesh is followed here. */
  readonly epochs: EpochBook;
  readonly #components: TrustBookComponents;
  readonly #anchor: TrustAnchor;
  readonly #store: TrustStore;
  readonly #history: VoterHistory;
  readonly #listeners: ((head: KeptHead) => void)[] = [];
  readonly #heads = new KnownHeads();
  readonly #fork = new ForkProof();
  readonly #links: KeptLinks;
  /** What recoveries do to the chain. */
  readonly recoveries: RecoveredChain;

  /** @param anchor what is trusted from the start: out of the invite, or of genesis */
  constructor(components: TrustBookComponents, anchor: TrustAnchor) {
    this.#components = components;
    this.#anchor = anchor;
    this.epochs = new EpochBook(components);
    this.#store = new TrustStore(components.store);
    this.#history = new VoterHistory(components.meshLog, anchor);
    const chain = { ...components, epochs: this.epochs, history: this.#history };
    const inTurn = (work: () => Promise<void>) => this.recoveries.inTurn(work);
    this.#links = new KeptLinks({ ...chain, store: this.#store, inTurn });
    const known = { store: this.#store, heads: this.#heads, links: this.#links };
    this.recoveries = new RecoveredChain({ ...chain, ...known });
  }

  /**
   * Loads what was verified before. Call once, with the log open.
   *
   * @throws CooeeError ERR_WIRE_* or ERR_SLURP_HEAD when it is damaged, ERR_STORAGE_*
   */
  async open(): Promise<void> {
    await this.#links.open();
    await this.epochs.open();
    await this.#heads.open(this.#store);
    await this.#fork.open(this.#store);
    // First: no link is followed that a recovery gives up.
    await this.recoveries.open();
    this.#gauge();
    await this.#recoverMissing();
    await this.#links.follow();
    this.#components.meshLog.onApplied(() => this.#settle());
  }

  /** Changes of voters that this node went past. */
  get skipped(): SkippedLinks {
    return this.#links.skipped;
  }

  /** What this node began to trust from. */
  get anchor(): TrustAnchor {
    return this.#anchor;
  }

  /** The voters in force, as far as they are known here. */
  voters(): readonly string[] {
    return this.#history.last().voters;
  }

  /** Index from which on {@link voters} vote: the last link, or the anchor. */
  get chainIndex(): number {
    return this.#history.last().index;
  }

  /** The highest verified head that this node's own log fits: what it hands on. */
  highest(): KeptHead | undefined {
    return this.#heads.highest;
  }

  /** See {@link KnownHeads.signedBy}. */
  signedBy(voter: string): KeptHead | undefined {
    return this.#heads.signedBy(voter);
  }

  /** The highest verified head, whether or not its entries are here. */
  newest(): KeptHead | undefined {
    return this.#heads.newest;
  }

  /** The highest verified head that holds the CID of a state. */
  mark(): KeptHead | undefined {
    return this.#heads.mark;
  }

  /** Called for each head that {@link accept} verified. Must be quick and not throw. */
  onVerified(listener: (head: KeptHead) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Checks a head against the voters of its index.
   *
   * @throws CooeeError ERR_SLURP_HEAD with details.reason (see HeadRefusal), ERR_SLURP_ANCHOR,
   * ERR_WIRE_*
   */
  verify(bytes: Uint8Array): SignedHead {
    const signed = decodeHead(bytes);
    this.#assertSigned(signed);
    return signed;
  }

  /**
   * Verifies a head, after the links that came with it. Two heads at one index with different roots
   * prove that voters are at fault: both are kept. One older than the highest is information only.
   *
   * @throws CooeeError as {@link verify}; ERR_STORAGE_*
   */
  async accept(bytes: Uint8Array, links: readonly Uint8Array[] = []): Promise<SignedHead> {
    if (links.length > 0) await this.learn(links);
    const signed = this.verify(bytes);
    await this.#absorb({ bytes, signed });
    return signed;
  }

  /**
   * As {@link accept} for a head that was called out to all: judged at once, kept a little later.
   *
   * @throws CooeeError as {@link verify}
   */
  hear(bytes: Uint8Array): SignedHead {
    const signed = decodeHead(bytes);
    const head = { bytes, signed };
    try {
      this.#assertSigned(signed);
    } catch (error) {
      // It may hand over to voters that this node's state is about to name.
      const isAhead = signed.head.index > this.#components.meshLog.appliedIndex;
      if (isAhead && reasonOf(error) === 'chain') this.#heads.early = head;
      throw error;
    }
    this.#absorb(head).catch((error: unknown) => this.#warn(error));
    return signed;
  }

  /**
   * Takes a verified head as the highest, whose root the log here has. It is kept when it resolves.
   *
   * @throws CooeeError ERR_SLURP_HEAD when a recovery has given it up meanwhile, ERR_STORAGE_*
   */
  async adopt(bytes: Uint8Array, signed: SignedHead): Promise<void> {
    const head = { bytes, signed };
    await this.#heads.adopt(this.#store, head, () => this.#assertInForce(signed));
    this.#gauge();
  }

  /**
   * Takes links in, in order: those that lead on from the last one, those of changes that this
   * node's own state knows, and those that it went past.
   *
   * @throws CooeeError ERR_SLURP_HEAD (details.reason), ERR_WIRE_*, ERR_STORAGE_*; of those behind
   * the last recovery nothing was taken then
   */
  async learn(links: readonly Uint8Array[]): Promise<void> {
    const heads: Uint8Array[] = [];
    for (const bytes of links) {
      if (isRecovery(bytes)) await this.recover(bytes);
      else heads.push(bytes);
    }
    try {
      await this.#links.learn(heads);
    } catch (error) {
      this.#countRefusal(error);
      throw error;
    }
  }

  /**
   * Hears of a recovery, from wherever: one of a later epoch is followed from now on, another of
   * the same epoch stops this node until the operator has chosen.
   *
   * @throws CooeeError ERR_SLURP_HEAD (details.reason), ERR_WIRE_*, ERR_STORAGE_*
   */
  async recover(bytes: Uint8Array): Promise<void> {
    await this.recoverBy(async () => bytes);
  }

  /**
   * As {@link recover}, for the one that `make` begins: what is heard of meanwhile comes behind
   * that, so that it is judged by what was begun here.
   */
  async recoverBy(make: () => Promise<Uint8Array>): Promise<void> {
    try {
      await this.recoveries.take(make);
    } catch (error) {
      this.#countRefusal(error);
      throw error;
    }
  }

  /** Called when another epoch is followed, or none any more. Must be quick and not throw. */
  onRecovery(listener: () => void): void {
    this.recoveries.onFollowed(listener);
  }

  async #recoverMissing(): Promise<void> {
    for (const bytes of await this.recoveries.missing()) await this.recover(bytes);
  }

  /** Links behind an index, by rising index, of this node's branch: for those who know less. */
  async links(after: number, countMax: number): Promise<Uint8Array[]> {
    const links = await this.#links.after(after, Math.min(countMax, LINKS_MAX));
    const { newest, isBehind } = this.epochs;
    // Whether this branch leads to the recovery is certain when the log has it.
    const end = Math.min(newest?.index ?? 0, this.#components.meshLog.commitIndex);
    return isBehind ? links.filter((bytes) => linkIndex(bytes) <= end) : links;
  }

  /** Changes of voters that this node's state knows and that it has no link for. */
  missingLinks(): readonly MissingLink[] {
    return this.#links.missing();
  }

  /**
   * Changes without a link that those who follow wait for: of this epoch alone, for nobody signs
   * for the voters of one that is over, and the recovery leads past them.
   */
  unlinked(): readonly MissingLink[] {
    return votedIn(this.#history.last().epoch, this.missingLinks());
  }

  /** Who signs the head of an index. */
  electorateAt(index: number): ReturnType<typeof electorateAt> {
    return electorateAt(this.#history.sets(), index);
  }

  #assertSigned(signed: SignedHead): void {
    try {
      if (this.#history.isUnknown(signed.head.index)) throw refuseHead('chain');
      const electorate = electorateAt(this.#history.sets(), signed.head.index);
      const { meshId: mesh } = this.#components.meshLog;
      const place = { mesh, epoch: electorate.epoch, electorate };
      verifyHead(this.#components.crypto, signed, place);
      assertAnchor(this.#anchor, signed);
    } catch (error) {
      this.#links.skipped.refused(signed.head.index, reasonOf(error));
      this.#countRefusal(error);
      throw error;
    }
  }

  /** A recovery may have been followed since it was verified. */
  #assertInForce({ head }: SignedHead): void {
    if (this.#history.isInForce(head)) return;
    this.#count('epoch');
    throw refuseHead('epoch');
  }

  /** Takes in what was verified. */
  async #absorb(head: KeptHead): Promise<void> {
    const { bytes, signed } = head;
    const { index, stateCid } = signed.head;
    await this.#assertNoFork(head);
    const { isLink } = this.electorateAt(index);
    if (isLink && !this.#links.indices.has(index)) await this.learn([bytes]);
    this.#assertInForce(signed);
    const isLate = isLink || stateCid !== undefined;
    if (!isLate && index < (this.#heads.highest?.signed.head.index ?? 0)) this.#count('stale');
    if (index > (this.#heads.newest?.signed.head.index ?? 0)) this.#heads.newest = head;
    this.#heads.note(head);
    if (stateCid !== undefined && index > (this.#heads.mark?.signed.head.index ?? 0)) {
      this.#heads.mark = head;
      await this.#store.keepHeads({ mark: bytes });
    }
    if (this.#isOurs(signed)) await this.adopt(bytes, signed);
    for (const listener of this.#listeners) listener(head);
  }

  async #assertNoFork(theirs: KeptHead): Promise<void> {
    const { index, root, epoch } = theirs.signed.head;
    const ours = this.#heads.meet(theirs);
    // A recovery leads to another log, which is no fault of those who signed for this one.
    if (ours === undefined || ours.signed.head.epoch !== epoch) return;
    if (equalBytes(ours.signed.head.root, root)) return;
    this.#count('fork');
    const keeping = this.#fork.keep(this.#store, { ours, theirs });
    this.#gauge();
    await keeping;
    // Which of them is this log's is certain once the log is there.
    if (!this.#isOurs(ours.signed) && this.#heads.highest?.signed !== ours.signed) return;
    throw refuseHead('fork', 'two different heads at one index', {
      index,
      ours: toHex(ours.signed.head.root),
      theirs: toHex(root),
    });
  }

  /** Whether this node's own log, as applied, has the head's root; false when it cannot tell. */
  #isOurs({ head }: SignedHead): boolean {
    if (head.index < this.#anchor.index) return false;
    const frontier = this.#components.meshLog.frontierAt(head.index);
    if (frontier === undefined) return false;
    return equalBytes(merkleRoot(this.#components.crypto.sha256, frontier), head.root);
  }

  /** The log has come to where the newest head is. */
  #settle(): void {
    const newest = this.#heads.newest;
    this.#gauge();
    if (this.recoveries.isIncomplete) {
      this.#recoverMissing().catch((error: unknown) => this.#warn(error));
    }
    const early = this.#heads.early;
    if (early !== undefined && early.signed.head.index <= this.#components.meshLog.appliedIndex) {
      this.#heads.early = undefined;
      this.accept(early.bytes).catch((error: unknown) => this.#warn(error));
    }
    const highest = this.#heads.highest?.signed.head.index ?? 0;
    if (newest === undefined || newest.signed.head.index <= highest) return;
    if (!this.#isOurs(newest.signed)) return;
    this.adopt(newest.bytes, newest.signed).catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    this.#components.logger.warn({ err: toError(error) }, 'a head is not kept');
  }

  #gauge(): void {
    const { metrics, meshLog } = this.#components;
    const lag = meshLog.appliedIndex - (this.#heads.highest?.signed.head.index ?? 0);
    metrics.gauge('cooee_slurp_head_lag_entries', Math.max(0, lag));
    const { epoch } = this.epochs.current;
    metrics.gauge('cooee_slurp_epoch', epoch);
    this.#fork.tell({ ...this.#components, state: meshLog.state, epoch });
  }

  #countRefusal(error: unknown): void {
    const reason = reasonOf(error);
    if (reason !== undefined) this.#count(reason);
  }

  #count(reason: string): void {
    this.#components.metrics.count('cooee_slurp_heads_refused_total', { reason });
  }
}
