import {
  type Clock,
  CooeeError,
  type Crypto,
  delay,
  type Health,
  isCooeeError,
  type KeyValueStore,
  LIMITS,
  type Logger,
  type LogRecord,
  type Metrics,
  type Requester,
  toError,
} from '../interface/index.ts';
import { equalBytes, toHex } from '../wire/index.ts';
import {
  assertHead,
  decodeBatch,
  decodeEntry,
  decodeHead,
  isBatchSigned,
  type SignedHead,
} from './machine/codec.ts';
import type { MeshLog } from './mesh-log.ts';
import { pullRequest, pullResponse, replicaProtocol } from './protocol.ts';

/** How often a member asks for news when nobody tells it any. */
const POLL_MS = 1_000;
const PULL_TIMEOUT_MS = 10_000;
const FOLLOW_DELAY_MS = 20;
/** Batches whose signatures are checked before the loop turns: about 2.5 ms. */
const VERIFY_SLICE = 32;

/** What a replica trusts: heads signed by a majority of these voters, from this point on. */
export interface ReplicaTrust {
  readonly index: number;
  readonly root: Uint8Array;
  readonly voters: readonly string[];
}

/** What a replica is built from. */
export interface ReplicaComponents {
  readonly meshLog: MeshLog;
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly requester: Requester;
  /** Members to pull from, the best first: the leader, then any other that is connected. */
  readonly sources: () => readonly string[];
}

/**
 * Follows the log without a vote: pulls entries from a member, checks every batch's signature and that the Merkle root fits
 * a head which a majority of the trusted voters signed, and only then commits and applies.
 */
export class Replica {
  readonly #components: ReplicaComponents;
  readonly #trust: ReplicaTrust;
  readonly #stopped = new AbortController();
  #highest: { readonly signed: SignedHead; readonly bytes: Uint8Array } | undefined;
  #running: Promise<void> | undefined;
  #pulling: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** News that came while a pull was under way: that pull may have missed it. */
  #isNudged = false;

  constructor(components: ReplicaComponents, trust: ReplicaTrust) {
    this.#components = components;
    this.#trust = trust;
  }

  /** The highest head that was verified here, as received; what this node hands on. */
  head(): Uint8Array | undefined {
    return this.#highest?.bytes;
  }

  /** Index of {@link head}. */
  get headIndex(): number {
    return this.#highest?.signed.head.index ?? 0;
  }

  /** Loads the highest head. @throws CooeeError ERR_WIRE_* when it is damaged */
  async open(): Promise<void> {
    const bytes = await this.#components.store.get('head', 'highest');
    if (bytes !== undefined) this.#highest = { bytes, signed: decodeHead(bytes) };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    this.nudge();
    await this.#running;
    await this.#pulling?.catch(() => undefined);
  }

  /** There is news: pull now. */
  nudge(): void {
    this.#isNudged = true;
    this.#wake?.();
  }

  /**
   * Pulls until the index is applied here.
   *
   * @throws CooeeError what the last source answered, ERR_SLURP_NO_LEADER when there is no source
   */
  async follow(index: number): Promise<void> {
    const { meshLog } = this.#components;
    for (let attempt = 0; meshLog.appliedIndex < index; attempt++) {
      // The first pull may be one that was under way before the index came to be; later ones find a source that lags
      // behind the one that named the index: let it catch up.
      if (attempt > 1) await delay(this.#components.clock, FOLLOW_DELAY_MS, this.#stopped.signal);
      await this.pull();
    }
  }

  /** Pulls from the first source that answers, up to its head. Calls that come meanwhile share the pull. */
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
    const sources = this.#components.sources();
    let last: unknown = new CooeeError('ERR_SLURP_NO_LEADER', 'no member is connected');
    for (const source of sources) {
      this.#stopped.signal.throwIfAborted();
      try {
        while (await this.#pullOnce(source));
        return;
      } catch (error) {
        last = error;
        const code = isCooeeError(error) ? error.code : 'ERR_API_INTERNAL';
        this.#components.metrics.count('cooee_slurp_pull_failures_total', { code });
      }
    }
    throw last;
  }

  /** One request; true when there is more. */
  async #pullOnce(source: string): Promise<boolean> {
    const { meshLog, requester, crypto } = this.#components;
    const from = meshLog.tailIndex + 1;
    const answer = await requester.request(
      source,
      replicaProtocol(meshLog.meshId),
      pullRequest.encode(from),
      { timeoutMs: PULL_TIMEOUT_MS, signal: this.#stopped.signal },
    );
    const { head, entries } = pullResponse.decode(answer);
    const signed = decodeHead(head);
    assertHead(crypto, signed, { mesh: meshLog.meshId, voters: this.#trust.voters });
    this.#assertNoFork(signed);
    if (signed.head.index < meshLog.commitIndex) return false;
    const records = await this.#check(entries, from, signed);
    if (records.length > 0) await meshLog.append(records, meshLog.commitIndex);
    if (meshLog.tailIndex < signed.head.index) {
      if (records.length === 0) throw new CooeeError('ERR_SLURP_HEAD', 'a head without entries');
      return true;
    }
    await this.#adopt(signed, head);
    return false;
  }

  /** Entries must be well-formed, in order, signed by their origins, and pass through the anchor. */
  async #check(
    entries: readonly Uint8Array[],
    from: number,
    signed: SignedHead,
  ): Promise<readonly LogRecord[]> {
    const { crypto, meshLog, clock } = this.#components;
    if (
      entries.length > LIMITS.replicaEntriesMax ||
      from + entries.length - 1 > signed.head.index
    ) {
      throw new CooeeError('ERR_SLURP_HEAD', 'entries beyond the head that proves them');
    }
    const records: LogRecord[] = [];
    for (const [i, bytes] of entries.entries()) {
      const entry = decodeEntry(bytes);
      if (entry.index !== from + i) {
        throw new CooeeError('ERR_SLURP_HEAD', 'entries out of order');
      }
      if (!isBatchSigned(crypto, decodeBatch(entry.batch))) {
        throw new CooeeError('ERR_SLURP_SIGNATURE', 'an entry holds a forged batch', {
          details: { index: entry.index },
        });
      }
      records.push({ index: entry.index, term: entry.term, bytes });
      if (i % VERIFY_SLICE === VERIFY_SLICE - 1) await delay(clock, 0, this.#stopped.signal);
    }
    const anchor = this.#trust;
    if (anchor.index >= from && anchor.index < from + entries.length) {
      const root = meshLog.rootsWith(entries.slice(0, anchor.index - from + 1)).at(-1);
      if (root === undefined || !equalBytes(root, anchor.root)) {
        throw new CooeeError('ERR_SLURP_ANCHOR');
      }
    }
    return records;
  }

  async #adopt(signed: SignedHead, bytes: Uint8Array): Promise<void> {
    const { meshLog, store, logger } = this.#components;
    if (!equalBytes(meshLog.tailRoot(), signed.head.root)) {
      logger.warn({ index: signed.head.index }, 'what was pulled does not fit the head');
      await meshLog.dropUncommitted();
      throw new CooeeError('ERR_SLURP_HEAD', 'the root does not fit', {
        details: { reason: 'root' },
      });
    }
    if (signed.head.index > this.headIndex) {
      await store.batch([{ namespace: 'head', key: 'highest', value: bytes }]);
      this.#highest = { signed, bytes };
    }
    await meshLog.commitTo(signed.head.index);
  }

  /** Two different heads at one index, both validly signed, prove that the voters are at fault. */
  #assertNoFork(signed: SignedHead): void {
    const known = this.#highest?.signed.head;
    if (known === undefined || known.index !== signed.head.index) return;
    if (equalBytes(known.root, signed.head.root)) return;
    const details = {
      index: known.index,
      ours: toHex(known.root),
      theirs: toHex(signed.head.root),
    };
    this.#components.health.raise({
      code: 'forked-log',
      severity: 'error',
      text: `Two different heads were signed at index ${known.index}.`,
      remedy: 'A voter ran twice or was restored from a copy: see docs/operations.md.',
    });
    throw new CooeeError('ERR_SLURP_HEAD', 'two different heads at one index', { details });
  }
}
