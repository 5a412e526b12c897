import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../protocols/interface/clock.ts';
import type { EventItem, EventSubscription } from './services.ts';

/** A comment that often, so that both sides notice a dead one. */
export const HEARTBEAT_MS = 15_000;

function frame(item: EventItem): string {
  if (item.kind === 'gap') {
    return `id: ${item.id}\nevent: gap\ndata: ${JSON.stringify({ reason: item.reason })}\n\n`;
  }
  return `id: ${item.id}\ndata: ${item.json}\n\n`;
}

/**
 * Writes a subscription to a response until either side ends. A reader that does not read costs one
 * response buffer: nothing is taken from the subscription until the buffer has drained.
 */
export class EventStream {
  readonly #clock: Clock;
  readonly #response: ServerResponse;
  readonly #subscription: EventSubscription;
  #timer: Timer | undefined;
  #isOpen = true;
  #isFull = false;
  /** Something was written since the reader was told that this is all there is. */
  #isAhead = false;

  constructor(clock: Clock, response: ServerResponse, subscription: EventSubscription) {
    this.#clock = clock;
    this.#response = response;
    this.#subscription = subscription;
  }

  /**
   * Sends the opening (with the position, so that a reader can resume before its first event) and
   * begins.
   */
  open(onClose: () => void): void {
    this.#response.on('drain', () => {
      this.#isFull = false;
      this.#pump();
    });
    this.#response.once('close', () => {
      this.close();
      onClose();
    });
    this.#response.on('error', () => this.close());
    this.#write(`: cooee events\nid: ${this.#subscription.position}\n\n`);
    this.#beat();
    this.#pump();
  }

  /** Ends the stream; idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#timer?.cancel();
    this.#subscription.close();
    this.#response.end();
  }

  #write(text: string): void {
    this.#isFull = !this.#response.write(text);
  }

  #pump(): void {
    if (!this.#isOpen) return;
    let item: EventItem | undefined;
    while (!this.#isFull) {
      item = this.#subscription.take();
      if (item === undefined) break;
      this.#write(frame(item));
      this.#isAhead = true;
    }
    // An entry's events come in one turn: whoever hears that this is all has them all.
    if (!this.#isFull && this.#isAhead) this.#tellPosition('all');
    // Many events of one turn are written together.
    if (!this.#isFull) this.#subscription.onReady(() => setImmediate(() => this.#pump()));
  }

  #tellPosition(why: 'all' | 'beat'): void {
    this.#isAhead = false;
    this.#write(`: ${why}\nid: ${this.#subscription.position}\n\n`);
  }

  #beat(): void {
    this.#timer = this.#clock.schedule(HEARTBEAT_MS, () => {
      // First what is there already, so that the position is true.
      this.#pump();
      if (!this.#isOpen) return;
      if (!this.#isFull) this.#tellPosition('beat');
      this.#beat();
    });
  }
}
