import {
  type Clock,
  CooeeError,
  delay,
  isCooeeError,
  type Logger,
  type Metrics,
  type Random,
  toError,
} from '../../interface/index.ts';
import type { Dht } from './ports.ts';
import type { RecordJudge } from './record-judge.ts';

/** Between two puts: at most five a second. */
const PACE_MS = 200;
/** A larger record costs as many turns as it has pieces of this size: twenty members get a copy. */
const PIECE_BYTES = 16 * 1024;
/** A put ends after this time, since one without peers may not end by itself. */
const PUT_TIMEOUT_MS = 10_000;
/** What could not be made or placed is tried again; a head that proves it may be a moment away. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 10 * 60_000;
/** A new peer has to get into the routing table before it is of use. */
const PEER_MS = 1_000;
/** Members that hold a copy: with as many the DHT is as full as it gets (kad-dht's k). */
const COPIES_WANTED = 20;
/** With fewer copies a new member is worth another put, in this time. */
const FILL_MS = 60_000;

/** One thing to do in the DHT. */
export type DhtJob =
  | {
      readonly kind: 'put';
      /** For the metrics. */
      readonly label: 'head' | 'hash' | 'token';
      readonly key: Uint8Array;
      readonly value: Uint8Array;
    }
  | { readonly kind: 'provide'; readonly cid: string };

/** Where the jobs come from. */
export interface JobSource {
  /** Everything that this node keeps in the DHT. */
  names(): readonly string[];
  /** After how many ms it is due again when nothing changes. */
  periodMs(name: string): number;
  /**
   * What is to be done for a name now: `later` when it cannot be proved yet, `gone` when it is not
   * this node's any more.
   *
   * @throws CooeeError ERR_SLURP_RECORD `too-large`; ERR_STORAGE_*
   */
  make(name: string): Promise<readonly DhtJob[] | 'later' | 'gone'>;
}

/** What {@link RecordPublisher} works with. */
export interface RecordPublisherComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly dht: Pick<Dht, 'provide' | 'put'>;
  readonly judge: Pick<RecordJudge, 'judge'>;
  readonly source: JobSource;
}

interface Due {
  atMs: number;
  /** Tries in a row that came to nothing. */
  failures: number;
  /** Members that hold what was put last; undefined before the first put. */
  copies: number | undefined;
}

/**
 * Puts this node's records into the DHT, one after the other and slowly, when they change, every
 * few hours, and when members come that have no copy. A node without peers keeps its own copy and
 * goes on when there are some.
 */
export class RecordPublisher {
  readonly #components: RecordPublisherComponents;
  readonly #due = new Map<string, Due>();
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(components: RecordPublisherComponents) {
    this.#components = components;
  }

  start(): void {
    this.refresh();
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
    await this.#running;
  }

  /** All that this node keeps in the DHT is due: at the start, and after the state was replaced. */
  refresh(): void {
    for (const name of this.#components.source.names()) this.changed(name);
  }

  /** What stands under a name changed. */
  changed(name: string): void {
    const copies = this.#due.get(name)?.copies;
    this.#due.set(name, { atMs: this.#components.clock.monotonicMs(), failures: 0, copies });
    this.#wake?.();
  }

  /** A member came: what nobody holds is due, and soon what few hold. */
  onPeer(): void {
    const nowMs = this.#components.clock.monotonicMs();
    for (const due of this.#due.values()) {
      const { copies } = due;
      if (copies === undefined || copies >= COPIES_WANTED) continue;
      due.atMs = Math.min(due.atMs, nowMs + (copies === 0 ? PEER_MS : FILL_MS));
    }
    this.#wake?.();
  }

  /** How many names wait for their turn now. */
  get waiting(): number {
    const nowMs = this.#components.clock.monotonicMs();
    return [...this.#due.values()].filter(({ atMs }) => atMs <= nowMs).length;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const next = this.#next();
      const waitMs = (next?.due.atMs ?? Infinity) - this.#components.clock.monotonicMs();
      if (next === undefined || waitMs > 0) await this.#sleep(Math.min(waitMs, RETRY_MS_MAX));
      else await this.#publish(next.name, next.due);
    }
  }

  /** What is due first. */
  #next(): { readonly name: string; readonly due: Due } | undefined {
    let first: { readonly name: string; readonly due: Due } | undefined;
    for (const [name, due] of this.#due) {
      if (first === undefined || due.atMs < first.due.atMs) first = { name, due };
    }
    return first;
  }

  async #publish(name: string, due: Due): Promise<void> {
    const { source, logger, metrics } = this.#components;
    // Not due again before this turn is over; a change in between makes a new row.
    due.atMs = Number.POSITIVE_INFINITY;
    try {
      const jobs = await source.make(name);
      if (jobs === 'gone') {
        if (this.#due.get(name) === due) this.#due.delete(name);
        return;
      }
      if (jobs === 'later') {
        metrics.count('cooee_dht_puts_total', { outcome: 'unproved' });
        this.#again(due);
        return;
      }
      let copies: number | undefined;
      for (const job of jobs) copies = Math.min(copies ?? Infinity, await this.#do(job));
      due.copies = copies ?? due.copies;
      this.#done(name, due, copies);
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      const isOurs = isCooeeError(error, 'ERR_SLURP_RECORD');
      metrics.count('cooee_dht_puts_total', { outcome: isOurs ? 'refused' : 'failed' });
      logger.debug({ err: toError(error), name }, 'not put into the DHT');
      this.#again(due);
    }
  }

  /** @returns how many other members hold it */
  async #do(job: DhtJob): Promise<number> {
    const { dht, judge, metrics } = this.#components;
    // kad-dht stores its own puts unchecked, and hands them out.
    if (job.kind === 'put') await judge.judge(job.key, job.value);
    const ended = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(PUT_TIMEOUT_MS)]);
    try {
      const copies =
        job.kind === 'put'
          ? await dht.put(job.key, job.value, ended)
          : await dht.provide(job.cid, ended);
      metrics.count('cooee_dht_puts_total', { outcome: copies > 0 ? 'stored' : 'lonely' });
      return copies;
    } finally {
      const turns = job.kind === 'put' ? Math.ceil(job.value.length / PIECE_BYTES) : 1;
      await this.#pause(PACE_MS * turns);
    }
  }

  #done(name: string, due: Due, copies: number | undefined): void {
    const { clock, random, source } = this.#components;
    due.failures = 0;
    // Nobody was there: onPeer makes it due.
    const periodMs = copies === 0 ? RETRY_MS_MAX : source.periodMs(name);
    // Not all nodes at one moment.
    due.atMs = clock.monotonicMs() + periodMs * (0.9 + 0.2 * random.fraction());
  }

  #again(due: Due): void {
    const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** due.failures);
    due.failures++;
    due.atMs = this.#components.clock.monotonicMs() + delayMs;
  }

  async #sleep(delayMs: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await this.#pause(delayMs, woken.signal);
    this.#wake = undefined;
  }

  /** Never rejects. */
  async #pause(delayMs: number, signal?: AbortSignal): Promise<void> {
    const stopped = this.#stopped.signal;
    const ended = signal === undefined ? stopped : AbortSignal.any([stopped, signal]);
    await delay(this.#components.clock, delayMs, ended).catch(() => undefined);
  }
}
