import type { Clock } from '../../protocols/interface/clock.ts';
import { LIMITS } from '../../protocols/interface/limits.ts';
import { type AddressMatcher, compileMatch, type EventFilter } from './event-match.ts';
import type {
  EventInput,
  EventItem,
  EventSource,
  EventSubscription,
  GapReason,
  SubscribeInit,
} from './services.ts';

/** What the log of events needs. */
export interface EventLogComponents {
  readonly clock: Clock;
  readonly matchAddress: AddressMatcher;
}

/** Options of {@link EventLog}. */
export interface EventLogInit {
  /** This start of the daemon; first half of every id. */
  readonly boot: number;
  /** The log index applied when this start began to publish: what is above it is published here. */
  readonly startIndex: number;
  /** Events kept for resuming. Default LIMITS.eventsKeptMax. */
  readonly keptMax?: number;
}

/** An event in the ring. Its text is made for the first who reads it: most are read by nobody. */
class Kept {
  readonly seq: number;
  readonly input: EventInput;
  readonly #id: string;
  readonly #atMs: number;
  #json: string | undefined;

  constructor(id: string, seq: number, atMs: number, input: EventInput) {
    this.#id = id;
    this.seq = seq;
    this.#atMs = atMs;
    this.input = input;
  }

  get json(): string {
    this.#json ??= this.#toJson();
    return this.#json;
  }

  #toJson(): string {
    const { type, index, address, data } = this.input;
    const time = new Date(this.#atMs).toISOString();
    return JSON.stringify({ id: this.#id, type, time, index, address, data }, withoutBytes);
  }
}

/** What JSON cannot say is left out. */
function withoutBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? undefined : value;
}

/** Where a subscription stands: the next sequence, and what it must hear or skip before. */
interface Start {
  readonly next: number;
  readonly gap?: GapReason;
  /** Committed events up to this index were seen already. */
  readonly skipIndex?: number;
}

const ID = /^(\d{1,15})-(\d{1,15})$/;

/**
 * The last events of this node in a ring. Readers pull with a position of their own, so that a slow
 * one costs no memory: when the ring has gone past it, it is told so by a gap.
 */
export class EventLog implements EventSource {
  readonly #clock: Clock;
  readonly #matchAddress: AddressMatcher;
  readonly #boot: number;
  readonly #startIndex: number;
  readonly #keptMax: number;
  readonly #ring: Kept[] = [];
  readonly #readers = new Set<Reader>();
  #lastSeq = 0;

  constructor(components: EventLogComponents, init: EventLogInit) {
    this.#clock = components.clock;
    this.#matchAddress = components.matchAddress;
    this.#boot = init.boot;
    this.#startIndex = init.startIndex;
    this.#keptMax = init.keptMax ?? LIMITS.eventsKeptMax;
  }

  /** Adds an event and wakes the readers; gives its id. */
  publish(input: EventInput): string {
    this.#lastSeq += 1;
    const seq = this.#lastSeq;
    const id = this.idOf(seq);
    this.#ring[seq % this.#keptMax] = new Kept(id, seq, this.#clock.nowMs(), input);
    for (const reader of this.#readers) reader.wake();
    return id;
  }

  /** How many readers there are. */
  get readerCount(): number {
    return this.#readers.size;
  }

  /** The last sequence given; 0 before the first event. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The oldest sequence still held; lastSeq + 1 when none is. */
  get oldestSeq(): number {
    return Math.max(1, this.#lastSeq - this.#keptMax + 1);
  }

  /** The id of a sequence in this boot. */
  idOf(seq: number): string {
    return `${this.#boot}-${seq}`;
  }

  /** The event with that sequence, or undefined when it is not held. */
  at(seq: number): Kept | undefined {
    const kept = this.#ring[seq % this.#keptMax];
    return kept?.seq === seq ? kept : undefined;
  }

  subscribe(init: SubscribeInit): EventSubscription {
    const filter = compileMatch(init.match, this.#matchAddress);
    const reader = new Reader(this, {
      filter,
      ...this.#startOf(init),
      onClose: () => this.#readers.delete(reader),
    });
    this.#readers.add(reader);
    return reader;
  }

  #startOf({ sinceId, sinceIndex }: SubscribeInit): Start {
    if (sinceId === undefined && sinceIndex === undefined) return { next: this.#lastSeq + 1 };
    const [, boot, seqText] = ID.exec(sinceId ?? '') ?? [];
    const seq = Number(seqText);
    if (Number(boot) === this.#boot && seq <= this.#lastSeq) {
      if (seq + 1 >= this.oldestSeq) return { next: seq + 1 };
      return { next: this.oldestSeq, gap: 'expired' };
    }
    if (sinceIndex === undefined) return { next: this.oldestSeq, gap: 'restart' };
    // All that was committed above startIndex has been published by this boot: nothing is missing
    // as long as the ring still reaches back to its first event.
    const skipIndex = sinceIndex;
    if (sinceIndex < this.#startIndex) return { next: this.oldestSeq, gap: 'restart', skipIndex };
    if (this.oldestSeq > 1) return { next: this.oldestSeq, gap: 'expired', skipIndex };
    return { next: 1, skipIndex };
  }
}

interface ReaderInit extends Start {
  readonly filter: EventFilter;
  readonly onClose: () => void;
}

class Reader implements EventSubscription {
  readonly #log: EventLog;
  readonly #filter: EventFilter;
  readonly #skipIndex: number;
  readonly #onClose: () => void;
  #gap: GapReason | undefined;
  #next: number;
  #ready: (() => void) | undefined;

  constructor(log: EventLog, init: ReaderInit) {
    this.#log = log;
    this.#filter = init.filter;
    this.#skipIndex = init.skipIndex ?? -1;
    this.#gap = init.gap;
    this.#next = init.next;
    this.#onClose = init.onClose;
  }

  get position(): string {
    return this.#log.idOf(this.#next - 1);
  }

  take(): EventItem | undefined {
    if (this.#next < this.#log.oldestSeq) {
      this.#next = this.#log.oldestSeq;
      this.#gap ??= 'slow';
    }
    if (this.#gap !== undefined) {
      const reason = this.#gap;
      this.#gap = undefined;
      return { kind: 'gap', id: this.position, reason };
    }
    for (;;) {
      const kept = this.#log.at(this.#next);
      if (kept === undefined) return undefined;
      this.#next += 1;
      if ((kept.input.index ?? Number.MAX_SAFE_INTEGER) <= this.#skipIndex) continue;
      if (this.#filter(kept.input)) {
        return { kind: 'event', id: this.#log.idOf(kept.seq), json: kept.json };
      }
    }
  }

  onReady(callback: () => void): void {
    this.#ready = callback;
    if (this.#gap !== undefined || this.#next <= this.#log.lastSeq) this.wake();
  }

  /** Runs the callback, once. */
  wake(): void {
    const ready = this.#ready;
    this.#ready = undefined;
    ready?.();
  }

  close(): void {
    this.#ready = undefined;
    this.#onClose();
  }
}
