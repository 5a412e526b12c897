import {
  type Clock,
  type Logger,
  type Outcome,
  type StateEvent,
  type StateReader,
  type Timer,
  toError,
} from '../../interface/index.ts';
import { type ActiveCall, isActive, nextDue, nextDueMs } from '../rules.ts';
import { DueQueue } from './due-queue.ts';
import { LogTime } from './log-time.ts';

/** Commands under way at once: as many as one batch takes. */
const UNDER_WAY_MAX = 64;
/** It looks at least so often: the clock may have been set. */
const LOOK_MS_MAX = 10_000;
/** What was refused as too early is tried again after this. */
const RETRY_MS = 200;
/** A pause after something could not be handed in: doubled each time, at most this. */
const PAUSE_MS_MAX = 10_000;

/** A command that only the time brings, with its body. */
export type DueCommand =
  | { readonly kind: 'call.escalate' | 'call.expire'; readonly body: { readonly id: string } }
  | {
      readonly kind: 'call.release';
      readonly body: { readonly id: string; readonly fence: number };
    };

/** What {@link CallTimers} works with. */
export interface CallTimersComponents {
  readonly state: StateReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isLeader: () => boolean;
  /** Hands a command in by this node's outbox; resolves with the log's word, however long. */
  readonly decide: (command: DueCommand) => Promise<Outcome>;
}

/**
 * Deadlines of calls, and claims that lapse: the leader sees to them. It proposes what is due by
 * its outbox, as any member may; the reducer goes by the time of the entry, so a leader whose clock
 * is ahead is refused and tries again. A new leader looks at all open calls once.
 */
export class CallTimers {
  readonly #components: CallTimersComponents;
  readonly #time: LogTime;
  readonly #queue = new DueQueue();
  readonly #underWay = new Set<string>();
  /** What waits to be tried again, by id. */
  readonly #retries = new Map<string, Timer>();
  #timer: Timer | undefined;
  /** Nothing is handed in before this monotonic time. */
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  /** Pauses since something was handed in. */
  #pauses = 0;
  #leads = false;
  #isStopped = false;

  constructor(components: CallTimersComponents) {
    this.#components = components;
    this.#time = new LogTime(components.clock);
  }

  /** What time a new entry of the log would have, as near as can be told here. */
  get logTimeMs(): number {
    return this.#time.nowMs();
  }

  /** See {@link LogTime.leastMs}. */
  get logTimeLeastMs(): number | undefined {
    return this.#time.leastMs;
  }

  /** Role, term or leader changed. */
  onLeadership(): void {
    const leads = !this.#isStopped && this.#components.isLeader();
    if (leads === this.#leads) return;
    this.#leads = leads;
    if (leads) this.#scan();
    else this.#rest();
  }

  /** An entry was applied here. */
  onApplied(entry: { readonly timeMs: number; readonly events: readonly StateEvent[] }): void {
    this.#time.heard(entry.timeMs);
    if (!this.#leads) return;
    for (const { type, data } of entry.events) {
      const id = data['id'];
      if (type.startsWith('call:') && typeof id === 'string') this.#look(id);
    }
    this.#arm();
  }

  /** Entries were passed over. */
  onReplaced(): void {
    if (this.#leads) this.#scan();
  }

  stop(): void {
    this.#isStopped = true;
    this.#leads = false;
    this.#rest();
  }

  #rest(): void {
    this.#queue.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const [id, retry] of this.#retries) {
      retry.cancel();
      this.#underWay.delete(id);
    }
    // What is in the outbox will be decided, whoever leads then.
    this.#retries.clear();
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY;
    this.#pauses = 0;
  }

  #scan(): void {
    this.#queue.clear();
    for (const [id] of this.#components.state.entries('openCall')) this.#look(id);
    this.#arm();
  }

  #look(id: string): void {
    const row = this.#components.state.get('openCall', id);
    const dueMs = row === undefined ? undefined : nextDueMs(row);
    if (dueMs === undefined) this.#queue.delete(id);
    else this.#queue.set(id, dueMs);
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const dueMs = this.#queue.firstMs();
    if (dueMs === undefined || this.#underWay.size >= UNDER_WAY_MAX) return;
    const { clock } = this.#components;
    const pauseMs = Math.max(0, this.#pausedUntilMs - clock.monotonicMs());
    const delayMs = Math.min(Math.max(0, dueMs - this.#time.nowMs()), LOOK_MS_MAX);
    this.#timer = clock.schedule(Math.max(delayMs, pauseMs), () => this.#fire());
  }

  #fire(): void {
    const nowMs = this.#time.nowMs();
    while (this.#underWay.size < UNDER_WAY_MAX) {
      const id = this.#queue.takeDue(nowMs);
      if (id === undefined) break;
      // Under way already: it is looked at again when that is decided.
      if (!this.#underWay.has(id)) this.#propose(id);
    }
    this.#arm();
  }

  #propose(id: string): void {
    this.#underWay.add(id);
    this.#decide(id).then(
      (isDone) => {
        this.#pauses = 0;
        this.#decided(id, isDone);
      },
      (error: unknown) => this.#failed(id, toError(error)),
    );
  }

  /** A full outbox, or disk, refuses all that is due alike: it waits, and longer each time. */
  #failed(id: string, err: Error): void {
    const { clock, logger } = this.#components;
    const nowMs = clock.monotonicMs();
    // Those that were tried together are one failure.
    if (this.#leads && nowMs >= this.#pausedUntilMs) {
      const pauseMs = Math.min(RETRY_MS * 2 ** this.#pauses, PAUSE_MS_MAX);
      this.#pausedUntilMs = nowMs + pauseMs;
      this.#pauses += 1;
      logger.warn({ err, id, pauseMs }, 'what is due of calls was not handed in');
    }
    this.#again(id);
  }

  async #decide(id: string): Promise<boolean> {
    const { state, decide } = this.#components;
    const call = state.get('call', id);
    const command = call !== undefined && isActive(call) ? commandOf(call) : undefined;
    // The call has ended, and its place among the open ones is still to be taken: what an entry did
    // is written before it is seen. At once it would be due again, for as long as that takes.
    if (command === undefined) return false;
    const outcome = await decide(command);
    return outcome.ok;
  }

  #decided(id: string, isDone: boolean): void {
    if (isDone || !this.#leads) {
      this.#again(id);
      return;
    }
    const retry = this.#components.clock.schedule(RETRY_MS, () => {
      this.#retries.delete(id);
      this.#again(id);
    });
    this.#retries.set(id, retry);
  }

  #again(id: string): void {
    this.#underWay.delete(id);
    if (!this.#leads) return;
    this.#look(id);
    this.#arm();
  }
}

function commandOf(call: ActiveCall): DueCommand | undefined {
  const { id, fence } = call;
  const due = nextDue(call);
  if (due === undefined) return undefined;
  return due.kind === 'call.release'
    ? { kind: due.kind, body: { id, fence } }
    : { kind: due.kind, body: { id } };
}
