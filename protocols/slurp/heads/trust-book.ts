import {
  CooeeError,
  type Crypto,
  type Health,
  isCooeeError,
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
import { electorateAt, isSameVoters, refuseHead, type VoterSet, verifyHead } from './head-rules.ts';
import { followChain } from './trust-chain.ts';
import { type KeptHead, TrustStore } from './trust-store.ts';
import { VoterHistory } from './voter-history.ts';

/** Epoch of a mesh that was never recovered. */
export const EPOCH = 0;
/** Verified heads of different indices that a later one is compared with. */
const RECENT_MAX = 64;

/** What {@link TrustBook} works with. */
export interface TrustBookComponents {
  readonly meshLog: Pick<MeshLog, 'appliedIndex' | 'frontierAt' | 'meshId' | 'onApplied' | 'state'>;
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
  readonly #components: TrustBookComponents;
  readonly #anchor: TrustAnchor;
  readonly #store: TrustStore;
  readonly #history: VoterHistory;
  readonly #listeners: ((head: KeptHead) => void)[] = [];
  /** Roots by index of the last heads that were verified, the youngest last. */
  readonly #recent = new Map<number, KeptHead>();
  /** Indices of the links that are kept. */
  #kept = new Set<number>();
  #highest: KeptHead | undefined;
  #newest: KeptHead | undefined;
  #mark: KeptHead | undefined;
  /** The last head called out that names voters whom this node does not know yet. */
  #early: KeptHead | undefined;
  #isForkKept = false;
  #writing: Promise<void> = Promise.resolve();

  /** @param anchor what is trusted from the start: out of the invite, or of genesis */
  constructor(components: TrustBookComponents, anchor: TrustAnchor) {
    this.#components = components;
    this.#anchor = anchor;
    this.#store = new TrustStore(components.store);
    this.#history = new VoterHistory(components.meshLog, anchor);
  }

  /**
   * Loads what was verified before. Call once, with the log open.
   *
   * @throws CooeeError ERR_WIRE_* or ERR_SLURP_HEAD when it is damaged, ERR_STORAGE_*
   */
  async open(): Promise<void> {
    this.#kept = await this.#store.linkIndices();
    for (;;) {
      const start = this.#history.last();
      const links = await this.#store.linksAfter(start.index, LINKS_MAX);
      this.#follow(links);
      if (links.length < LINKS_MAX || this.#history.last().index === start.index) break;
    }
    this.#highest = await this.#store.head('highest');
    this.#mark = await this.#store.head('mark');
    this.#newest = this.#highest;
    for (const head of [this.#mark, this.#highest]) if (head !== undefined) this.#note(head);
    this.#components.meshLog.onApplied(() => this.#settle());
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
    return this.#highest;
  }

  /** The highest verified head, whether or not its entries are here. */
  newest(): KeptHead | undefined {
    return this.#newest;
  }

  /** The highest verified head that holds the CID of a state. */
  mark(): KeptHead | undefined {
    return this.#mark;
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
   * are proof that voters are at fault: both are kept. One that is older than the highest is
   * information and no more.
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
      if (isAhead && reasonOf(error) === 'chain') this.#early = head;
      throw error;
    }
    this.#absorb(head).catch((error: unknown) => this.#warn(error));
    return signed;
  }

  /**
   * Takes a head that was verified as the highest one: the caller has seen that the log here has
   * its root. It is kept before this resolves.
   */
  async adopt(bytes: Uint8Array, signed: SignedHead): Promise<void> {
    const adopting = this.#writing.then(async () => {
      const { index } = signed.head;
      if (index <= (this.#highest?.signed.head.index ?? 0)) return;
      await this.#store.keepHeads({ highest: bytes });
      this.#highest = { bytes, signed };
      if (index > (this.#newest?.signed.head.index ?? 0)) this.#newest = this.#highest;
      this.#gauge();
    });
    this.#writing = adopting.catch(() => undefined);
    await adopting;
  }

  /**
   * Takes links in, in order: those that lead on from the last one, and those of changes that this
   * node's own state knows.
   *
   * @throws CooeeError ERR_SLURP_HEAD (details.reason), ERR_WIRE_*, ERR_STORAGE_*; nothing was
   * taken then
   */
  async learn(links: readonly Uint8Array[]): Promise<void> {
    try {
      const own = this.#verifyOwn(links);
      const ahead = followChain(this.#components.crypto, this.#start(), links).links;
      const fresh = [...own, ...ahead];
      if (fresh.length === 0) return;
      await this.#store.keepLinks(fresh);
      for (const { signed } of fresh) this.#kept.add(signed.head.index);
      for (const { signed } of ahead) this.#extend(signed);
    } catch (error) {
      this.#countRefusal(error);
      throw error;
    }
  }

  /** Links behind an index, by rising index: for those whose trust ends there. */
  async links(after: number, countMax: number): Promise<Uint8Array[]> {
    return await this.#store.linksAfter(after, Math.min(countMax, LINKS_MAX));
  }

  /** Changes of voters that this node's state knows and that it has no link for. */
  missingLinks(): readonly { readonly before: VoterSet; readonly set: VoterSet }[] {
    const missing: { before: VoterSet; set: VoterSet }[] = [];
    const own = this.#history.own();
    for (const [i, set] of own.entries()) {
      const before = own[i - 1];
      if (before !== undefined && !this.#kept.has(set.index)) missing.push({ before, set });
    }
    return missing;
  }

  /** Who signs the head of an index. */
  electorateAt(index: number): ReturnType<typeof electorateAt> {
    return electorateAt(this.#history.sets(), index);
  }

  #start() {
    return {
      mesh: this.#components.meshLog.meshId,
      epoch: EPOCH,
      set: this.#history.last(),
    };
  }

  #follow(links: readonly Uint8Array[]): void {
    const { links: ahead } = followChain(this.#components.crypto, this.#start(), links);
    for (const { signed } of ahead) this.#extend(signed);
  }

  #extend({ head }: SignedHead): void {
    // The state may have got there while the link was written.
    if (head.index <= this.#history.last().index) return;
    this.#history.extend({ index: head.index, voters: head.voters });
  }

  /** Links of changes that the state knows: their voters need no chain to be told. */
  #verifyOwn(links: readonly Uint8Array[]): KeptHead[] {
    const { crypto, meshLog } = this.#components;
    const wanted = new Map(this.missingLinks().map((it) => [it.set.index, it]));
    if (wanted.size === 0) return [];
    const own: KeptHead[] = [];
    for (const bytes of links) {
      const signed = decodeHead(bytes);
      const change = wanted.get(signed.head.index);
      if (change === undefined || !isSameVoters(change.set.voters, signed.head.voters)) continue;
      const { before, set } = change;
      const electorate = { signers: before.voters, voters: set.voters, isLink: true };
      verifyHead(crypto, signed, { mesh: meshLog.meshId, epoch: EPOCH, electorate });
      own.push({ bytes, signed });
    }
    return own;
  }

  /** A log that has another root at the anchor is another log, whoever signed it. */
  #assertAnchor({ head }: SignedHead): void {
    const { index, root } = this.#anchor;
    if (head.index === index && !equalBytes(head.root, root)) {
      throw new CooeeError('ERR_SLURP_ANCHOR');
    }
  }

  #assertSigned(signed: SignedHead): void {
    try {
      const electorate = electorateAt(this.#history.sets(), signed.head.index);
      const place = { mesh: this.#components.meshLog.meshId, epoch: EPOCH, electorate };
      verifyHead(this.#components.crypto, signed, place);
      this.#assertAnchor(signed);
    } catch (error) {
      this.#countRefusal(error);
      throw error;
    }
  }

  /** Takes in what was verified. */
  async #absorb(head: KeptHead): Promise<void> {
    const { bytes, signed } = head;
    const { index, stateCid } = signed.head;
    await this.#assertNoFork(head);
    const { isLink } = this.electorateAt(index);
    if (isLink && !this.#kept.has(index)) await this.learn([bytes]);
    const isLate = isLink || stateCid !== undefined;
    if (!isLate && index < (this.#highest?.signed.head.index ?? 0)) this.#count('stale');
    if (index > (this.#newest?.signed.head.index ?? 0)) this.#newest = head;
    this.#note(head);
    if (stateCid !== undefined && index > (this.#mark?.signed.head.index ?? 0)) {
      this.#mark = head;
      await this.#store.keepHeads({ mark: bytes });
    }
    if (this.#isOurs(signed)) await this.adopt(bytes, signed);
    for (const listener of this.#listeners) listener(head);
  }

  async #assertNoFork(theirs: KeptHead): Promise<void> {
    const { index, root } = theirs.signed.head;
    const ours = this.#recent.get(index);
    if (ours === undefined || equalBytes(ours.signed.head.root, root)) return;
    this.#count('fork');
    this.#components.health.raise({
      code: 'forked-log',
      severity: 'error',
      text: `Two different heads were signed at index ${index}.`,
      remedy: 'A voter ran twice or was restored from a copy: see docs/operations.md.',
    });
    if (!this.#isForkKept) {
      await this.#store.keepHeads({ 'fork-ours': ours.bytes, 'fork-theirs': theirs.bytes });
      this.#isForkKept = true;
    }
    // Which of them is this log's is certain once the log is there.
    if (!this.#isOurs(ours.signed) && this.#highest?.signed !== ours.signed) return;
    throw refuseHead('fork', 'two different heads at one index', {
      index,
      ours: toHex(ours.signed.head.root),
      theirs: toHex(root),
    });
  }

  #note(head: KeptHead): void {
    const { index } = head.signed.head;
    this.#recent.delete(index);
    this.#recent.set(index, head);
    if (this.#recent.size <= RECENT_MAX) return;
    const oldest = this.#recent.keys().next();
    if (oldest.done !== true) this.#recent.delete(oldest.value);
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
    const newest = this.#newest;
    this.#gauge();
    const early = this.#early;
    if (early !== undefined && early.signed.head.index <= this.#components.meshLog.appliedIndex) {
      this.#early = undefined;
      this.accept(early.bytes).catch((error: unknown) => this.#warn(error));
    }
    if (newest === undefined || newest === this.#highest || !this.#isOurs(newest.signed)) return;
    this.adopt(newest.bytes, newest.signed).catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    this.#components.logger.warn({ err: toError(error) }, 'a head is not kept');
  }

  #gauge(): void {
    const { metrics, meshLog } = this.#components;
    const lag = meshLog.appliedIndex - (this.#highest?.signed.head.index ?? 0);
    metrics.gauge('cooee_slurp_head_lag_entries', Math.max(0, lag));
  }

  #countRefusal(error: unknown): void {
    const reason = reasonOf(error);
    if (reason !== undefined) this.#count(reason);
  }

  #count(reason: string): void {
    this.#components.metrics.count('cooee_slurp_heads_refused_total', { reason });
  }
}

/** The label under which a refusal is counted; undefined when it is none of a head. */
function reasonOf(error: unknown): string | undefined {
  if (isCooeeError(error, 'ERR_SLURP_ANCHOR')) return 'anchor';
  if (!isCooeeError(error, 'ERR_SLURP_HEAD')) return undefined;
  return String(error.details['reason']);
}
