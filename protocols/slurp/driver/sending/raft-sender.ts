import type { Clock, MessageLink, Timer } from '../../../interface/index.ts';
import type { RaftEntry, RaftMessage } from '../../../raft/index.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import { encodeRaft } from '../raft-codec.ts';
import { AppendSender } from './append-sender.ts';

/**
 * How long the news of a commit waits for an append to go along with, while commits follow each
 * other: between those of a caller that waits for each there is less. News of their own cost every
 * voter two messages and a wake-up.
 */
const NEWS_MS = 4;

/** What {@link RaftSender} works with. */
export interface RaftSenderComponents {
  readonly meshLog: MeshLog;
  readonly link: Pick<MessageLink, 'send'>;
  readonly clock: Clock;
  /** An append did not go out: the core must probe again. */
  readonly onUndelivered: (peer: string) => void;
}

/**
 * Puts Raft's messages on the link. An append without entries only brings a commit index. While
 * commits follow each other it is held for a moment, and the next append to that peer brings it
 * along; to the core that is a message on a slow way. After a pause it goes at once: whoever waits
 * for a single commit elsewhere waits no longer.
 */
export class RaftSender {
  readonly #components: RaftSenderComponents;
  readonly #appends: AppendSender;
  readonly #news = new Map<string, { readonly message: RaftMessage; readonly sinceMs: number }>();
  #timer: Timer | undefined;
  /** When news came up last, and whether an append followed it within the time. */
  #newsMs = Number.NEGATIVE_INFINITY;
  #isRush = false;

  constructor(components: RaftSenderComponents) {
    this.#components = components;
    this.#appends = new AppendSender({
      ...components,
      send: (message, entries) => this.#put(message, entries),
    });
  }

  /** @param fresh entries that are being appended by now, not in the log yet */
  send(message: RaftMessage, fresh: readonly RaftEntry[] = []): void {
    if (message.type !== 'append') {
      this.#put(message, []);
      return;
    }
    if (message.count > 0) {
      this.#news.delete(message.to);
      this.#isRush = this.#sinceNewsMs() < NEWS_MS;
      this.#appends.send(message, fresh);
      return;
    }
    this.#newsMs = this.#components.clock.monotonicMs();
    if (!this.#isRush) {
      this.#put(message, []);
      return;
    }
    // Older news of the same peer keeps its turn.
    const sinceMs = this.#news.get(message.to)?.sinceMs ?? this.#newsMs;
    this.#news.set(message.to, { message, sinceMs });
    this.#timer ??= this.#components.clock.schedule(NEWS_MS, () => this.#tellLate());
  }

  /** A peer waits for news: what is held for it goes now. */
  tell(peer: string): void {
    const held = this.#news.get(peer);
    if (held === undefined) return;
    this.#news.delete(peer);
    this.#put(held.message, []);
  }

  /** What waits is not sent any more. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#news.clear();
    this.#appends.clear();
  }

  #sinceNewsMs(): number {
    return this.#components.clock.monotonicMs() - this.#newsMs;
  }

  /** No append came in time: the rush is over. */
  #tellLate(): void {
    this.#timer = undefined;
    const { clock } = this.#components;
    const nowMs = clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [peer, { sinceMs }] of [...this.#news]) {
      // Timers are as fine as a millisecond.
      const leftMs = sinceMs + NEWS_MS - nowMs;
      if (leftMs >= 1) {
        nextMs = Math.min(nextMs, leftMs);
        continue;
      }
      this.#isRush = false;
      this.tell(peer);
    }
    if (nextMs < Number.POSITIVE_INFINITY) {
      this.#timer = clock.schedule(nextMs, () => this.#tellLate());
    }
  }

  #put(message: RaftMessage, entries: readonly Uint8Array[]): boolean {
    const { link, clock } = this.#components;
    return link.send(message.to, encodeRaft(message, entries, Math.max(0, clock.nowMs())));
  }
}
