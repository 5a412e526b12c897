import {
  type Clock,
  CooeeError,
  type Crypto,
  delay,
  type Health,
  isCooeeError,
  type Logger,
  type Metrics,
  type Requester,
  toError,
} from '../../interface/index.ts';
import { equalBytes } from '../../wire/index.ts';
import { refuseHead } from '../heads/head-rules.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import { LogMender } from '../log/log-mender.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import type { SignedHead } from '../machine/codec.ts';
import { pullRequest, pullResponse, replicaProtocol } from '../protocol.ts';
import type { SnapshotOffer } from '../snapshot/records.ts';
import type { Snapshots } from '../snapshot/snapshots.ts';
import { untilAborted } from '../until-aborted.ts';
import { ChainBackfill } from './chain-backfill.ts';
import { checkEntries } from './check-entries.ts';
import { isMisfit } from './check-entry.ts';
import { FollowWatch } from './follow-watch.ts';
import { takeMark } from './take-mark.ts';

/** How often a member asks for news when nobody tells it any. */
const POLL_MS = 1_000;
const PULL_TIMEOUT_MS = 10_000;
/**
 * Pauses between the tries of {@link Replica.follow} grow from the one to the other; together they
 * take about 10 s.
 */
const FOLLOW_MS_MIN = 20;
const FOLLOW_MS_MAX = 1_000;
const FOLLOW_ATTEMPTS_MAX = 16;

/** What a replica is built from. */
export interface ReplicaComponents {
  readonly meshLog: MeshLog;
  /** Says which heads may be trusted, and remembers them. */
  readonly trust: TrustBook;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly requester: Requester;
  /** Members to pull from, the best first: the leader, then any other that is connected. */
  readonly sources: () => readonly string[];
  /** Installs snapshots; without it only entries are followed. */
  readonly snapshots?: Pick<Snapshots, 'install'> | undefined;
  /**
   * The disk said no to a sync: what it holds is unknown, so the process must end and look again.
   */
  readonly onFatal?: (error: CooeeError) => void;
  /** What is applied here is not what the operator recovered elsewhere. */
  readonly onSuperseded?: (() => void) | undefined;
}

/**
 * Follows the log without a vote: pulls entries from a member, checks every batch's signature and
 * that the Merkle root fits a head which a majority of the trusted voters signed, and only then
 * commits and applies.
 */
export class Replica {
  readonly #components: ReplicaComponents;
  readonly #stopped = new AbortController();
  #unsubscribe: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #pulling: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** News that came while a pull was under way: that pull may have missed it. */
  #isNudged = false;
  /**
   * Callers of {@link follow}: somebody knows that there is more, so one source without news is not
   * the last word.
   */
  #followers = 0;
  readonly #mender: LogMender;
  readonly #watch: FollowWatch;
  readonly #backfill: ChainBackfill;
  /**
   * How many sources in a row had nothing new. The next pull begins behind them: the one that is
   * taken for the leader may know as little as this node, and take it for the leader in turn.
   */
  #turn = 0;
  #knownIndex = 0;

  constructor(components: ReplicaComponents) {
    this.#components = components;
    this.#mender = new LogMender(components);
    this.#watch = new FollowWatch({ ...components, state: components.meshLog.state });
    this.#backfill = new ChainBackfill(components.trust);
  }

  /** Index of the highest head that the log here fits. */
  get headIndex(): number {
    return this.#components.trust.highest()?.signed.head.index ?? 0;
  }

  /**
   * The highest index that a verified head named: committed in the mesh, whether it is here or not.
   */
  get knownIndex(): number {
    return Math.max(this.#knownIndex, this.headIndex);
  }

  /** Goes on where the program ended; the book is open. @throws CooeeError ERR_STORAGE_* */
  async open(): Promise<void> {
    const { meshLog, trust } = this.#components;
    this.#unsubscribe = meshLog.onApplied(() => this.#tellProgress());
    const highest = trust.highest();
    if (highest === undefined) return;
    // The node ended between keeping the head and committing what it proves.
    const { index, root } = highest.signed.head;
    if (index === meshLog.tailIndex && equalBytes(root, meshLog.tailRoot())) {
      await meshLog.commitTo(index);
    }
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    this.nudge();
    await this.#running;
    await this.#pulling?.catch(() => undefined);
    this.#unsubscribe?.();
  }

  /**
   * Asks one member after the other how far the log is and who votes, without taking an entry: for
   * a node that waits for a leader.
   *
   * @throws CooeeError ERR_SLURP_NO_LEADER when there is nobody to ask; what the last one answered
   */
  async look(): Promise<{ index: number; chainIndex: number; voters: readonly string[] }> {
    const { trust, sources } = this.#components;
    let last: unknown = new CooeeError('ERR_SLURP_NO_LEADER', 'no member is connected');
    let isAnswered = false;
    for (const source of sources()) {
      try {
        this.#backfill.begin();
        while (await this.#askHead(source));
        isAnswered = true;
      } catch (error) {
        last = error;
      }
    }
    if (!isAnswered) throw last;
    const index = trust.newest()?.signed.head.index ?? 0;
    return { index, chainIndex: trust.chainIndex, voters: trust.voters() };
  }

  /** There is news: pull now, and from the first source first. */
  nudge(): void {
    this.#turn = 0;
    this.#isNudged = true;
    this.#wake?.();
  }

  /**
   * Pulls until the index is applied here. Whoever named the index may have made it up, so there is
   * an end to it.
   *
   * @throws CooeeError what the last source answered, ERR_SLURP_NO_LEADER when there is no source,
   * ERR_WIRE_TIMEOUT when no source gets there in about 10 s; the signal's reason
   */
  async follow(index: number, signal?: AbortSignal): Promise<void> {
    const { meshLog, clock } = this.#components;
    const stopped = this.#stopped.signal;
    const ended = signal === undefined ? stopped : AbortSignal.any([stopped, signal]);
    this.#followers++;
    try {
      for (let attempt = 0; meshLog.appliedIndex < index; attempt++) {
        if (attempt === FOLLOW_ATTEMPTS_MAX) {
          throw new CooeeError('ERR_WIRE_TIMEOUT', 'no member has the log that far', {
            details: { index, applied: meshLog.appliedIndex },
          });
        }
        // The first pull may be one that was under way before the index came to be; later ones find
        // sources that lag behind the one that named the index: let them catch up.
        if (attempt > 1) {
          await delay(clock, Math.min(FOLLOW_MS_MAX, FOLLOW_MS_MIN * 2 ** (attempt - 2)), ended);
        }
        await untilAborted(this.pull(), ended);
      }
    } finally {
      this.#followers--;
    }
  }

  /**
   * Pulls from the first source that answers, up to its head. Calls that come meanwhile share the
   * pull.
   */
  async pull(): Promise<void> {
    this.#pulling ??= this.#pullFromAny().finally(() => {
      this.#pulling = undefined;
    });
    await this.#pulling;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#components;
    while (!this.#stopped.signal.aborted) {
      this.#isNudged = false;
      await this.pull().catch((error: unknown) => {
        logger.debug({ err: toError(error) }, 'nothing pulled');
      });
      if (this.#isNudged) continue;
      const woken = new AbortController();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        delay(clock, POLL_MS, woken.signal).then(resolve, resolve);
      });
      woken.abort();
    }
  }

  async #pullFromAny(): Promise<void> {
    const { meshLog, metrics, sources } = this.#components;
    await this.#mendLog();
    this.#checkEpoch();
    let last: unknown = new CooeeError('ERR_SLURP_NO_LEADER', 'no member is connected');
    let isAnswered = false;
    for (const source of inTurn(sources(), this.#turn)) {
      this.#stopped.signal.throwIfAborted();
      const before = meshLog.appliedIndex;
      try {
        await this.#pullFrom(source);
        isAnswered = true;
        const isNew = meshLog.appliedIndex > before;
        this.#turn = isNew ? 0 : this.#turn + 1;
        if (this.#followers === 0 || isNew) return;
      } catch (error) {
        last = error;
        this.#watch.refused(source, error);
        this.#onMisfit(error);
        const code = isCooeeError(error) ? error.code : 'ERR_API_INTERNAL';
        metrics.count('cooee_slurp_pull_failures_total', { code });
        // One's own disk or program is at fault: another source would not help.
        if (meshLog.isLogFailed || meshLog.halted !== undefined) throw error;
      }
    }
    if (!isAnswered) throw last;
  }

  /** Pulls up to the head of one source. */
  async #pullFrom(source: string): Promise<void> {
    const { meshLog } = this.#components;
    // What an earlier source began and did not prove may be what is wrong; then this one begins at
    // what is certain.
    const isInherited = meshLog.tailIndex > meshLog.commitIndex;
    this.#backfill.begin();
    try {
      while (await this.#pullOnce(source));
    } catch (error) {
      if (!isInherited || !isMisfit(error)) throw error;
      await this.#write(() => meshLog.dropUncommitted());
      while (await this.#pullOnce(source));
    }
  }

  /** A recovery may have left out what is committed here: that shows by nothing else. */
  #onMisfit(error: unknown): void {
    if (!isMisfit(error) && !this.#backfill.isAstray) return;
    this.#components.trust.epochs.misfit();
    this.#checkEpoch();
  }

  /** A state that was on its way here when a recovery was heard of may be what that leaves out. */
  #checkEpoch(): void {
    const { trust, onSuperseded } = this.#components;
    if (trust.epochs.isSuperseded) onSuperseded?.();
  }

  /** The head and the links of one source; true when there are more links. */
  async #askHead(source: string): Promise<boolean> {
    const answer = await this.#ask(source);
    if (answer === undefined) return true;
    await this.#components.trust.accept(answer.head);
    return false;
  }

  /** One request; undefined when its answer brought links, and more must be asked for first. */
  async #ask(source: string) {
    const { meshLog, requester } = this.#components;
    const asked = this.#backfill.known();
    const bytes = await requester.request(
      source,
      replicaProtocol(meshLog.meshId),
      pullRequest.encode(meshLog.tailIndex + 1, asked),
      { timeoutMs: PULL_TIMEOUT_MS, signal: this.#stopped.signal },
    );
    const answer = pullResponse.decode(bytes);
    return (await this.#backfill.take(answer.links, asked)) ? undefined : answer;
  }

  /** One request; true when there is more. */
  async #pullOnce(source: string): Promise<boolean> {
    const { meshLog, trust } = this.#components;
    const from = meshLog.tailIndex + 1;
    const answer = await this.#ask(source);
    if (answer === undefined) return true;
    const { head, entries, mark, snapshot } = answer;
    const signed = await trust.accept(head);
    if (mark !== undefined) await takeMark(this.#components, mark);
    this.#knownIndex = Math.max(this.#knownIndex, signed.head.index);
    this.#tellProgress();
    if (snapshot !== undefined && (await this.#install(source, snapshot))) return true;
    // A source that lags behind this node, or behind the point from which on it trusts, has nothing
    // for it.
    if (signed.head.index < Math.max(meshLog.commitIndex, trust.anchor.index)) {
      const isVoter = trust.voters().includes(source);
      if (isVoter) this.#watch.lags(source, signed.head, trust.highest()?.signed.head);
      return false;
    }
    const records = await checkEntries(
      { ...this.#components, signal: this.#stopped.signal },
      { entries, from, signed },
    );
    if (records.length > 0) {
      await this.#write(() => meshLog.append(records, meshLog.commitIndex));
    }
    if (meshLog.tailIndex < signed.head.index) {
      if (records.length === 0) throw refuseHead('missing', 'a head without entries');
      return true;
    }
    const before = meshLog.appliedIndex;
    await this.#adopt(signed, head);
    if (meshLog.appliedIndex > before) trust.epochs.fit();
    this.#watch.fits(source, meshLog.appliedIndex > before);
    return false;
  }

  /** False when the snapshot is no help here. */
  async #install(source: string, offer: SnapshotOffer): Promise<boolean> {
    const { snapshots } = this.#components;
    return (await snapshots?.install(source, offer, this.#stopped.signal)) ?? false;
  }

  #tellProgress(): void {
    const { appliedIndex: applied, tailIndex: held } = this.#components.meshLog;
    this.#watch.progress({ applied, held, head: this.#knownIndex });
  }

  async #adopt(signed: SignedHead, bytes: Uint8Array): Promise<void> {
    const { meshLog, logger, trust } = this.#components;
    const { index, root } = signed.head;
    if (!equalBytes(meshLog.tailRoot(), root)) {
      logger.warn({ index }, 'what was pulled does not fit the head');
      await this.#write(() => meshLog.dropUncommitted());
      throw refuseHead('root', 'the root does not fit', { index });
    }
    await trust.adopt(bytes, signed);
    await meshLog.commitTo(index, this.#stopped.signal);
  }

  /** Changes the log; after a failure nothing more is pulled before it was opened again. */
  async #write(task: () => Promise<void>): Promise<void> {
    try {
      await task();
      this.#mender.worked();
    } catch (error) {
      if (isCooeeError(error)) this.#mender.failed(error);
      throw error;
    }
  }

  async #mendLog(): Promise<void> {
    const mender = this.#mender;
    if (!mender.isBroken && !this.#components.meshLog.isLogFailed) return;
    try {
      await mender.mend();
    } catch (error) {
      if (mender.fatal === undefined) mender.failed(error);
      throw error;
    }
  }
}

/** The same sources, beginning so many later. */
function inTurn(sources: readonly string[], turn: number): readonly string[] {
  const at = sources.length === 0 ? 0 : turn % sources.length;
  return [...sources.slice(at), ...sources.slice(0, at)];
}
