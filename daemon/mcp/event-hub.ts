import { setTimeout as sleep } from 'node:timers/promises';
import { toError } from '../../protocols/interface/index.ts';
import type { EventView } from '../api/routes/index.ts';
import type { WatchInit, WatchItem } from '../client/index.ts';

/** Who hears of events. */
export interface EventListener {
  event(event: EventView): void;
  /** Events may have been missed: what is known is to be read anew. */
  missed(): void;
}

/** Options of {@link EventHub}. */
export interface EventHubInit {
  readonly watch: (init: WatchInit) => AsyncIterable<WatchItem>;
  /** Told when the stream is lost and when it is back. */
  readonly log: (text: string) => void;
  /** The first wait before trying again, ms; doubles up to 5 s. */
  readonly retryMs?: number;
}

const RETRY_MS = 100;
const RETRY_LAST_MS = 5_000;

/**
 * The one event stream of an MCP server, however many listen: a daemon has 64 watchers in all. Open
 * while somebody listens; comes back by itself when the daemon was away.
 */
export class EventHub {
  readonly #init: EventHubInit;
  readonly #listeners = new Set<EventListener>();
  #stop: AbortController | undefined;
  #opened = Promise.withResolvers<void>();
  #isOpen = false;

  constructor(init: EventHubInit) {
    this.#init = init;
  }

  /** Hears events until the returned function is called. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    if (this.#stop === undefined) {
      this.#stop = new AbortController();
      void this.#run(this.#stop.signal);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  /**
   * Resolves when the stream is open, so that nothing after it is missed, or after `timeoutMs`:
   * then listeners are told to read anew as soon as it opens.
   */
  async opened(timeoutMs: number): Promise<void> {
    const timer = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([this.#opened.promise, late]);
    timer.abort();
  }

  /** Closes the stream; idempotent. */
  close(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#lost();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const firstMs = this.#init.retryMs ?? RETRY_MS;
    let retryMs = firstMs;
    // Without an event seen nothing says from where to resume.
    const at: { sinceId?: string; sinceIndex?: number } = {};
    let hasFailed = false;
    while (!signal.aborted) {
      try {
        const init = { ...at, signal, opens: true, giveUpMs: Number.POSITIVE_INFINITY };
        for await (const item of this.#init.watch(init)) {
          if (signal.aborted) return;
          retryMs = firstMs;
          if (item.kind === 'open') this.#open(hasFailed);
          else if (item.kind === 'gap') this.#missed();
          else this.#publish(item.event, at);
          hasFailed = false;
        }
      } catch (thrown) {
        if (signal.aborted) return;
        if (!hasFailed) this.#init.log(`no events: ${toError(thrown).message}; trying again`);
        hasFailed = true;
        this.#lost();
      }
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, RETRY_LAST_MS);
    }
  }

  #open(wasLost: boolean): void {
    this.#isOpen = true;
    this.#opened.resolve();
    if (!wasLost) return;
    this.#init.log('events are back');
    this.#missed();
  }

  #lost(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#opened = Promise.withResolvers<void>();
  }

  #publish(event: EventView, at: { sinceId?: string; sinceIndex?: number }): void {
    at.sinceId = event.id;
    if (event.index !== undefined) at.sinceIndex = event.index;
    for (const listener of [...this.#listeners]) listener.event(event);
  }

  #missed(): void {
    for (const listener of [...this.#listeners]) listener.missed();
  }
}
