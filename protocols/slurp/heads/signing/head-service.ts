import {
  type Clock,
  type Crypto,
  type Health,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type Requester,
  type Timer,
  toError,
} from '../../../interface/index.ts';
import { merkleRoot } from '../../../wire/index.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import type { Head } from '../../machine/codec.ts';
import { pullRequest, pullResponse, replicaProtocol } from '../../protocol.ts';
import { untilAborted } from '../../until-aborted.ts';
import { encodeHeadBody, type VoterSet } from '../head-rules.ts';
import type { Leadership } from '../ports.ts';
import type { TrustBook } from '../trust-book.ts';
import { collectHead, stopsSigning } from './collect.ts';
import type { HeadSigner } from './head-signer.ts';
import { linkRoot } from './link-root.ts';
import { MarkSigning, type MarkSigningComponents } from './mark-signing.ts';
import { Pace } from './pace.ts';

/** Heads that a leader shows by itself: five a second (docs/protocols/slurp.md, Heads). */
const SHOW_MS = 200;
/**
 * While so many entries come from one head to the next there is one a second: each takes every
 * voter two signatures and a synced write, and who needs one asks for it.
 */
const RUSH_ENTRIES = 64;
const RUSH_SHOW_MS = 1_000;
/** Somebody waits for a head: a member that follows a write of its own. */
const DEMAND_MS = 20;
/** An idle leader shows its head again, so that a member that missed it hears of it. */
const IDLE_MS = 5_000;
/** Another try after one that found no majority. */
const RETRY_MS = 500;
/** A change of voters that stays without its link for so long is worth a condition. */
const UNLINKED_MS_MAX = 10_000;
const FETCH_TIMEOUT_MS = 2_000;

/** What {@link HeadService} works with. */
export interface HeadServiceComponents extends Pick<MarkSigningComponents, 'marks' | 'onOutvoted'> {
  readonly meshLog: MeshLog;
  readonly trust: TrustBook;
  readonly signer: HeadSigner;
  /** This node's peer id. */
  readonly self: string;
  readonly requester: Requester;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: KeyValueStore;
  readonly health: Health;
  readonly logger: Logger;
  readonly leadership: Leadership;
  /** Members that may have a link that is missing here. */
  readonly sources: () => readonly string[];
  /** Shows a head to the mesh; one with the same key replaces another that still waits. */
  readonly publish: (bytes: Uint8Array, key: string) => void;
}

/**
 * What the leader does for those who follow: has heads signed by a majority of the voters and shows
 * them. For each change of voters first the link that hands over to the new ones, and no later head
 * before that.
 */
export class HeadService {
  readonly #components: HeadServiceComponents;
  readonly #pace: Pace;
  readonly #marks: MarkSigning;
  readonly #stopped = new AbortController();
  #idle: Timer | undefined;
  #current: { readonly bytes: Uint8Array; readonly index: number } | undefined;
  /** Term and index of {@link #current}. */
  #currentTerm = 0;
  /** Many entries came between the last two heads. */
  #isRush = false;
  /** Voters found this node's clock wrong: the agreed time is used. */
  #isClockDoubted = false;
  #unlinkedSinceMs: number | undefined;
  /** Term in which old links were looked for. */
  #searchedTerm = 0;

  constructor(components: HeadServiceComponents) {
    this.#components = components;
    this.#pace = new Pace(components.clock, () => this.#round());
    this.#marks = new MarkSigning({
      ...components,
      isUnlinked: (index) => this.#unlinked().some(({ set }) => set.index <= index),
      sign: (of, onRefused) => this.#sign(of, onRefused),
      publish: (bytes) => this.#publish(bytes, 'mark'),
    });
    components.marks?.onMark(() => this.changed());
  }

  start(): void {
    this.#arm();
    this.changed();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(stopsSigning());
    this.#idle?.cancel();
    await this.#pace.stop();
  }

  /** Something was applied, or leadership came: a head is due. */
  changed(): void {
    if (!this.#components.leadership.isLeader) return;
    this.#pace.ask(this.#isRush ? RUSH_SHOW_MS : SHOW_MS);
  }

  /** The last head that was signed by a majority here, as leader. */
  current(): { readonly bytes: Uint8Array; readonly index: number } | undefined {
    return this.#current;
  }

  /**
   * Has a head signed for all that is applied here, when there is none: for a member that asks.
   * Resolves after one try, however it went.
   */
  async refresh(): Promise<void> {
    const { leadership, meshLog } = this.#components;
    if (!leadership.isLeader || this.#isCurrent(meshLog.appliedIndex)) return;
    await this.#pace.run(DEMAND_MS);
  }

  #arm(): void {
    this.#idle = this.#components.clock.schedule(IDLE_MS, () => {
      this.#arm();
      this.#show();
      this.changed();
    });
  }

  #show(): void {
    const { leadership } = this.#components;
    if (this.#stopped.signal.aborted || !leadership.isLeader) return;
    if (this.#current !== undefined && this.#currentTerm === leadership.term) {
      this.#publish(this.#current.bytes, 'head');
    }
  }

  /** What does not go out now can be pulled: too many links in a second are no fault. */
  #publish(bytes: Uint8Array, key: string): void {
    try {
      this.#components.publish(bytes, key);
    } catch (error) {
      this.#components.logger.debug({ err: toError(error), key }, 'a head was not published');
    }
  }

  #isCurrent(index: number): boolean {
    return this.#current?.index === index && this.#currentTerm === this.#components.leadership.term;
  }

  async #round(): Promise<void> {
    const { leadership, logger } = this.#components;
    if (!leadership.isLeader) {
      // Whoever leads now sees to it.
      this.#proved();
      return;
    }
    try {
      await this.#makeLinks();
      await this.#signLast();
      // Last: a voter whose snapshot is not done, or not the same, must not hold up the others.
      if (!(await this.#marks.sign())) this.#pace.ask(DEMAND_MS);
    } catch (thrown) {
      if (this.#stopped.signal.aborted) return;
      const error = toError(thrown);
      if (isCooeeError(error, 'ERR_SLURP_HEAD') && error.details['reason'] === 'time') {
        this.#isClockDoubted = true;
      }
      logger.debug({ err: error }, 'no majority signed a head');
      this.#pace.ask(RETRY_MS);
    }
  }

  /** The head of all that is applied here. */
  async #signLast(): Promise<void> {
    const { meshLog, crypto } = this.#components;
    const index = meshLog.appliedIndex;
    const frontier = meshLog.frontierAt(index);
    if (index === 0 || this.#isCurrent(index) || frontier === undefined) return;
    // A change that came in the meantime has its link made first.
    if (this.#unlinked().length > 0) {
      this.#pace.ask(DEMAND_MS);
      return;
    }
    const before = this.#current?.index ?? index;
    await this.#sign({ index, root: merkleRoot(crypto.sha256, frontier) });
    this.#isRush = index - before >= RUSH_ENTRIES;
    this.#show();
    if (meshLog.appliedIndex > index) this.changed();
  }

  /** Changes that no head has passed yet: those who follow wait for their links. */
  #unlinked() {
    const { trust } = this.#components;
    const passed = trust.highest()?.signed.head.index ?? 0;
    return trust.unlinked().filter(({ set }) => set.index > passed);
  }

  /**
   * Voters who have not signed for those after them, although this node has asked for so long as
   * leader; empty while all is well.
   */
  unproved(forMs: number): readonly string[] {
    const { clock, leadership } = this.#components;
    const sinceMs = this.#unlinkedSinceMs;
    if (!leadership.isLeader || sinceMs === undefined) return [];
    if (clock.monotonicMs() - sinceMs < forMs) return [];
    return this.#unlinked()[0]?.before.voters ?? [];
  }

  async #makeLinks(): Promise<void> {
    const { trust, leadership, logger } = this.#components;
    for (const missing of this.#unlinked()) await this.#link(missing);
    // Also where a recovery led past them.
    this.#proved();
    const [oldest] = trust.missingLinks();
    if (oldest === undefined || this.#searchedTerm === leadership.term) return;
    // A head has passed these, so others have their links; nobody waits for this node's copy.
    this.#searchedTerm = leadership.term;
    await this.#fetchLinks(oldest.before.index);
    for (const missing of trust.missingLinks()) {
      await this.#link(missing).catch((error: unknown) => {
        logger.debug({ err: toError(error) }, 'an old link is not to be had');
      });
    }
  }

  async #link({ before, set }: { before: VoterSet; set: VoterSet }): Promise<void> {
    const { store, meshLog, trust } = this.#components;
    this.#unlinkedSinceMs ??= this.#components.clock.monotonicMs();
    try {
      const isSignable = set.isRecovered !== true;
      const root = isSignable ? await linkRoot(store, meshLog.state, set.index) : undefined;
      if (root === undefined) {
        await this.#fetchLinks(before.index);
      } else {
        const bytes = await this.#sign({ index: set.index, root });
        await trust.learn([bytes]);
        this.#publish(bytes, `link ${set.index}`);
      }
    } catch (error) {
      // The old voters may be gone; a member may have what they signed while they were there.
      await this.#fetchLinks(before.index);
      if (this.#isMissing(set)) {
        this.#tellUnlinked(set);
        throw error;
      }
    }
    if (this.#isMissing(set)) {
      this.#tellUnlinked(set);
      throw stopsSigning();
    }
    this.#proved();
  }

  #proved(): void {
    this.#unlinkedSinceMs = undefined;
    this.#components.health.clear('voters-unproved');
  }

  #isMissing(set: VoterSet): boolean {
    return this.#components.trust.missingLinks().some((it) => it.set.index === set.index);
  }

  #tellUnlinked({ index }: VoterSet): void {
    const { clock, health } = this.#components;
    if (!this.#unlinked().some((it) => it.set.index === index)) return;
    const sinceMs = this.#unlinkedSinceMs ?? clock.monotonicMs();
    if (clock.monotonicMs() - sinceMs < UNLINKED_MS_MAX) return;
    health.raise({
      code: 'voters-unproved',
      severity: 'error',
      text: `A majority of the voters before entry ${index} has not signed for the new ones.`,
      remedy:
        'Start the hosts that voted before: members that only follow wait for that. If they are ' +
        'lost for good, run on this host: cooee recover',
    });
  }

  async #fetchLinks(after: number): Promise<void> {
    const { sources, requester, meshLog, trust, logger, self } = this.#components;
    for (const source of sources().filter((peer) => peer !== self)) {
      try {
        const answer = await requester.request(
          source,
          replicaProtocol(meshLog.meshId),
          pullRequest.encode(meshLog.tailIndex + 1, { chain: after }),
          { timeoutMs: FETCH_TIMEOUT_MS, signal: this.#stopped.signal },
        );
        const { links } = pullResponse.decode(answer);
        if (links.length > 0) await trust.learn(links);
        if (trust.missingLinks().length === 0) return;
      } catch (error) {
        this.#stopped.signal.throwIfAborted();
        logger.debug({ err: toError(error), source }, 'a member has no link');
      }
    }
  }

  /** Has a head signed and takes it into the book. */
  async #sign(
    of: Pick<Head, 'index' | 'root' | 'stateCid'>,
    onRefused?: (error: Error) => void,
  ): Promise<Uint8Array> {
    const { meshLog, trust, leadership, self, signer, requester, crypto } = this.#components;
    const { term } = leadership;
    const { signers, voters, epoch = 0 } = trust.electorateAt(of.index);
    const body = encodeHeadBody({
      mesh: meshLog.meshId,
      epoch,
      term,
      ...of,
      voters: [...(voters ?? signers)],
      timeMs: this.#timeMs(),
    });
    const { signal } = this.#stopped;
    const { meshId } = meshLog;
    const collected = collectHead({ meshId, self, signer, requester, crypto }, body, {
      signers,
      signal,
      onRefused,
    });
    const bytes = await untilAborted(collected, signal);
    await trust.accept(bytes);
    if (of.index >= (this.#current?.index ?? 0) || this.#currentTerm !== term) {
      this.#current = { bytes, index: of.index };
      this.#currentTerm = term;
    }
    return bytes;
  }

  #timeMs(): number {
    const { clock, meshLog } = this.#components;
    if (this.#isClockDoubted) return meshLog.appliedTimeMs;
    return Math.max(clock.nowMs(), meshLog.appliedTimeMs);
  }
}
