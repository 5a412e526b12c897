import {
  type Clock,
  CooeeError,
  type Crypto,
  type FileStore,
  type Health,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type LogStore,
  type Metrics,
  type Requester,
  type Responder,
  toError,
} from '../../interface/index.ts';
import { merkleRoot } from '../../wire/index.ts';
import type { KeptHead, StateMark, StateMarks, TrustBook } from '../heads/index.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { pullRequest, pullResponse, replicaProtocol } from '../protocol.ts';
import { ChainBackfill } from '../replica/chain-backfill.ts';
import { untilAborted } from '../until-aborted.ts';
import { compactionPoint, isSnapshotDue } from './compaction.ts';
import { Divergence, type Found } from './divergence.ts';
import { BlockFetcher, SnapshotShelf } from './fetching/block-fetcher.ts';
import { serveBlocks } from './fetching/block-server.ts';
import type { Installed } from './ports.ts';
import { frontierOf, type SnapshotOffer, type SnapshotRecord } from './records.ts';
import { Replacement } from './replacement.ts';
import { Snapshotter } from './taking/snapshotter.ts';

const OFFER_TIMEOUT_MS = 10_000;
/** Verified heads whose state is not known here yet. */
const HEADS_KEPT = 4;

/** What {@link Snapshots} is built from. */
export interface SnapshotsComponents {
  readonly meshLog: MeshLog;
  readonly log: LogStore;
  readonly store: KeyValueStore;
  /** Holds the blocks of the snapshots that are taken here, and nothing else. */
  readonly files: FileStore;
  readonly trust: TrustBook;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly requester: Requester;
  /** Members to fetch from, the best first. */
  readonly sources: () => readonly string[];
  readonly onFatal?: ((error: CooeeError) => void) | undefined;
  /** Entries up to and including that index are gone from the log. */
  readonly onCompacted?: ((index: number) => void) | undefined;
  /** Told after each slice of a snapshot how many rows were encoded in it. */
  readonly onSlice?: (rows: number) => void;
}

/**
 * Snapshots of the state at marks of the log: takes them, serves them, installs those of others,
 * finds out by them when this node's state is not the one of the mesh, and lets the log forget what
 * they stand for.
 */
export class Snapshots implements StateMarks {
  readonly #components: SnapshotsComponents;
  readonly #snapshotter: Snapshotter;
  readonly #replacement: Replacement;
  readonly #divergence: Divergence;
  readonly #stopped = new AbortController();
  /** Signed heads with a state, by index. */
  readonly #heads = new Map<number, KeptHead>();
  readonly #backfill: ChainBackfill;
  #installing: Promise<unknown> = Promise.resolve();
  #judging: Promise<void> = Promise.resolve();
  /** What the last snapshot that was installed left behind. */
  #installed: Installed | undefined;

  constructor(components: SnapshotsComponents) {
    this.#components = components;
    const { meshLog } = components;
    this.#backfill = new ChainBackfill(components.trust);
    this.#snapshotter = new Snapshotter(components);
    meshLog.onReplaced((index) => {
      // Not where the log had got there by itself meanwhile, nor where it is applied anew.
      if (this.#snapshotter.records.some((it) => it.index === index && it.head !== undefined)) {
        this.#installed = { index, term: meshLog.appliedTerm, ...configurationOf(meshLog) };
      }
    });
    const shelf = new SnapshotShelf({ ...components, files: this.#snapshotter.files });
    const fetcher = new BlockFetcher({ ...components, meshId: meshLog.meshId, shelf });
    const parts = { fetcher, snapshotter: this.#snapshotter };
    this.#replacement = new Replacement({ ...components, ...parts });
    this.#divergence = new Divergence({
      ...components,
      replacement: this.#replacement,
      forgetUnsigned: () => this.#snapshotter.forgetUnsigned(),
      inTurn: (task) => this.#inTurn(task),
    });
  }

  /**
   * Loads what is kept and begins its work: once the log and the trust book are open, and before
   * anything is applied. What an earlier start began to install was finished by `mendInstall`
   * before the log was opened.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  async open(): Promise<void> {
    const { trust } = this.#components;
    await this.#snapshotter.open();
    this.#snapshotter.onSnapshot(() => this.#judge());
    trust.onVerified((head) => this.#note(head));
    this.#snapshotter.takeMissed();
    const mark = trust.mark();
    if (mark !== undefined) this.#note(mark);
  }

  /** Serves blocks to members. */
  async serve(responder: Responder): Promise<void> {
    const { meshLog, store } = this.#components;
    const { files } = this.#snapshotter;
    const assertSound = (): void => this.assertSound();
    await serveBlocks({ meshId: meshLog.meshId, store, files, responder, assertSound });
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    await this.#divergence.stop();
    await this.#snapshotter.stop();
    await this.#installing.catch(() => undefined);
    await this.#judging;
  }

  /** False while this node's state is known not to be the one of the mesh. */
  get isSound(): boolean {
    return !this.#divergence.isDiverged;
  }

  /** Called when {@link isSound} changes. */
  onSoundness(listener: (isSound: boolean) => void): void {
    this.#divergence.onChange(listener);
  }

  /**
   * To be called before the state is shown to anybody.
   *
   * @throws CooeeError ERR_SLURP_DIVERGED; ERR_API_STARTING while another state is put in its place
   */
  assertSound(): void {
    if (!this.isSound) throw new CooeeError('ERR_SLURP_DIVERGED');
    if (this.#replacement.isUnderWay) throw new CooeeError('ERR_API_STARTING');
  }

  cidAt(index: number): string | undefined {
    if (!this.isSound) return undefined;
    return this.#snapshotter.records.find((record) => record.index === index)?.stateCid;
  }

  /** Term of the entry at an index that a snapshot here is of. */
  termAt(index: number): number | undefined {
    return this.#snapshotter.records.find((record) => record.index === index)?.term;
  }

  /** The newest of {@link recent}. */
  latest(): StateMark | undefined {
    return this.recent()[0];
  }

  recent(): readonly StateMark[] {
    if (!this.isSound) return [];
    const { sha256 } = this.#components.crypto;
    return this.#snapshotter.records
      .map(({ index, stateCid, timeMs, frontier }) => {
        return { index, stateCid, timeMs, root: merkleRoot(sha256, frontier) };
      })
      .reverse();
  }

  onMark(listener: () => void): void {
    this.#snapshotter.onSnapshot(() => listener());
  }

  /** The snapshot for a member that asks for entries from `from` on, when that helps it more. */
  offerFor(from: number): SnapshotOffer | undefined {
    const record = this.#signed();
    if (record?.head === undefined || !this.isSound) return undefined;
    const { log, meshLog } = this.#components;
    const at = { signed: record.index, first: log.firstIndex };
    if (!isSnapshotDue(from, at, meshLog.snapshotEveryEntries)) return undefined;
    return { head: record.head, peaks: record.frontier.peaks };
  }

  /**
   * Verifies an offer, fetches what is missing of it, from whoever offered it first, and makes it
   * this node's state.
   *
   * @returns false when it is no news here
   * @throws CooeeError ERR_SLURP_HEAD, ERR_SLURP_ANCHOR, ERR_SLURP_SNAPSHOT, ERR_WIRE_*,
   * ERR_STORAGE_*; the signal's reason
   */
  async install(from: string, offer: SnapshotOffer, signal?: AbortSignal): Promise<boolean> {
    const { trust, crypto, meshLog, sources, logger } = this.#components;
    const { head } = await trust.accept(offer.head);
    const target = { ...frontierOf(crypto.sha256, head, offer.peaks), head: offer.head };
    const isNeeded = (): boolean =>
      head.index > meshLog.appliedIndex && this.#isTrusted(offer.head);
    return await this.#inTurn(async () => {
      if (!isNeeded()) return false;
      const before = meshLog.appliedIndex;
      await this.#replacement.fetchAndInstall(target, {
        sources: [from, ...sources().filter((peer) => peer !== from)],
        signal: this.#ended(signal),
        isNeeded,
      });
      logger.info({ before, index: head.index }, 'a snapshot was installed');
      this.#judge();
      return true;
    });
  }

  /**
   * Fetches the state at or after an index from a peer (and whoever else has its blocks) and makes
   * it this node's; resolves when it is durable. One before that index is taken too when it is news
   * here: it brings this node nearer. For Raft's core.
   *
   * @throws CooeeError as {@link install}; ERR_SLURP_SNAPSHOT when the peer has none, or none that
   * is of use
   */
  async installFrom(peer: string, indexMin: number, signal: AbortSignal): Promise<Installed> {
    const snapshot = await this.#askOffer(peer, this.#ended(signal));
    if (snapshot === undefined) throw new CooeeError('ERR_SLURP_SNAPSHOT');
    const before = this.#installed;
    await this.install(peer, snapshot, signal);
    const installed = this.#installed;
    // What took the place of the log must be told, older than what is needed or not.
    const isTold = installed !== before || (installed?.index ?? 0) >= indexMin;
    if (installed !== undefined && isTold) return installed;
    throw new CooeeError('ERR_SLURP_SNAPSHOT', 'the snapshot is older than what is needed');
  }

  /** What a peer offers to a node without a state, once the links that judge it are here. */
  async #askOffer(peer: string, signal: AbortSignal): Promise<SnapshotOffer | undefined> {
    const { meshLog, requester } = this.#components;
    this.#backfill.begin();
    for (;;) {
      const asked = this.#backfill.known();
      const protocol = replicaProtocol(meshLog.meshId);
      const body = pullRequest.encode(1, asked);
      const answer = await requester.request(peer, protocol, body, {
        timeoutMs: OFFER_TIMEOUT_MS,
        signal,
      });
      const { snapshot, links } = pullResponse.decode(answer);
      if (!(await this.#backfill.take(links, asked))) return snapshot;
    }
  }

  /** A recovery that was heard of while blocks came may leave out what this is the state of. */
  #isTrusted(head: Uint8Array): boolean {
    try {
      this.#components.trust.verify(head);
      return true;
    } catch (error) {
      if (!isCooeeError(error)) throw error;
      return false;
    }
  }

  #ended(signal: AbortSignal | undefined): AbortSignal {
    const stopped = this.#stopped.signal;
    return signal === undefined ? stopped : AbortSignal.any([stopped, signal]);
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#installing.then(task, task);
    this.#installing = turn.catch(() => undefined);
    return await untilAborted(turn, this.#stopped.signal);
  }

  /** The newest snapshot that a majority signed for. */
  #signed(): SnapshotRecord | undefined {
    return this.#snapshotter.records.findLast(({ head }) => head !== undefined);
  }

  #note(kept: KeptHead): void {
    const { index, stateCid } = kept.signed.head;
    if (stateCid === undefined) return;
    this.#heads.set(index, kept);
    const oldest = Math.min(...this.#heads.keys());
    if (this.#heads.size > HEADS_KEPT) this.#heads.delete(oldest);
    this.#judge();
  }

  /** Compares this node's snapshots with what was signed. Never rejects. */
  #judge(): void {
    this.#judging = this.#judging
      .then(() => this.#compare())
      .catch((error: unknown) => {
        this.#components.logger.warn({ err: toError(error) }, 'a snapshot cannot be kept');
      });
  }

  async #compare(): Promise<void> {
    let agreed = 0;
    let other: Found | undefined;
    for (const [index, { bytes, signed }] of this.#heads) {
      const record = this.#snapshotter.records.find((it) => it.index === index);
      if (record === undefined) {
        // Whose state is wrong wants that of the newest mark, whether it took a snapshot there or
        // left it out: of older ones nobody may have the state any more.
        const frontier = this.isSound ? undefined : this.#components.meshLog.frontierAt(index);
        if (frontier === undefined || index <= (other?.head.index ?? 0)) continue;
        other = { head: signed.head, bytes, frontier, ours: undefined };
        continue;
      }
      const { frontier, stateCid } = record;
      if (stateCid === signed.head.stateCid) {
        await this.#snapshotter.keepHead(index, bytes);
        agreed = Math.max(agreed, index);
      } else if (record.head === undefined && index > (other?.head.index ?? 0)) {
        other = { head: signed.head, bytes, frontier, ours: stateCid };
      }
    }
    // The newest mark counts: the others keep the state of older ones for a while only.
    if (other !== undefined && other.head.index > agreed) {
      this.#divergence.found(other);
      return;
    }
    if (agreed === 0) return;
    this.#divergence.agreed(agreed);
    await this.#compact();
  }

  async #compact(): Promise<void> {
    const { log, meshLog, logger, onCompacted, onFatal } = this.#components;
    // An older state may be on its way in: the log must not begin behind it.
    if (this.#replacement.isUnderWay) return;
    const at = { signed: this.#signed()?.index ?? 0, applied: meshLog.appliedIndex };
    const before = compactionPoint(at, meshLog.snapshotEveryEntries);
    if (before <= log.firstIndex || log.status !== 'open') return;
    const first = log.firstIndex;
    await this.#snapshotter.sync(at.signed);
    try {
      await log.compactBefore(before);
    } catch (error) {
      // After a failed sync nobody knows what the disk holds: opened again, it would look well.
      if (isCooeeError(error) && error.details['fatal'] === true) onFatal?.(error);
      throw error;
    }
    if (log.firstIndex === first) return;
    logger.info({ first: log.firstIndex }, 'the log was compacted');
    onCompacted?.(log.firstIndex - 1);
  }
}

function configurationOf(meshLog: MeshLog): Pick<Installed, 'configuration'> {
  const { voters, learners } = meshLog.configuration().configuration;
  return { configuration: { voters, learners } };
}
