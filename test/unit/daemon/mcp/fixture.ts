import type { WatchInit, WatchItem } from '../../../../daemon/client/index.ts';
import { EventHub } from '../../../../daemon/mcp/event-hub.ts';
import type { DaemonClient, ToolContext } from '../../../../daemon/mcp/tool.ts';

/** An event stream whose items and failures a test hands in; it notes how it was opened. */
export class FakeWatch {
  readonly opened: WatchInit[] = [];
  readonly #queues: ((item: WatchItem | Error) => void)[] = [];
  #isDown = false;

  /** Whether opening fails. */
  set isDown(isDown: boolean) {
    this.#isDown = isDown;
  }

  /** Streams that are being read. */
  get open(): number {
    return this.#queues.length;
  }

  readonly watch = async function* (this: FakeWatch, init: WatchInit): AsyncGenerator<WatchItem> {
    this.opened.push(init);
    if (this.#isDown) throw new Error('no daemon');
    const items: (WatchItem | Error)[] = [{ kind: 'open' }];
    let wake = Promise.withResolvers<void>();
    const push = (item: WatchItem | Error): void => {
      items.push(item);
      wake.resolve();
    };
    const stop = (): void => wake.resolve();
    init.signal?.addEventListener('abort', stop);
    this.#queues.push(push);
    try {
      while (init.signal?.aborted !== true) {
        const item = items.shift();
        if (item instanceof Error) throw item;
        if (item !== undefined) yield item;
        else {
          await wake.promise;
          wake = Promise.withResolvers<void>();
        }
      }
    } finally {
      this.#queues.splice(this.#queues.indexOf(push), 1);
    }
  }.bind(this);

  push(item: WatchItem | Error): void {
    for (const queue of [...this.#queues]) queue(item);
  }

  event(address: string, index?: number): void {
    const base = { id: `1-${index ?? 0}`, type: 'test:event', time: '2026-01-01T00:00:00Z' };
    const event = { ...base, address, data: null, ...(index === undefined ? {} : { index }) };
    this.push({ kind: 'event', event });
  }
}

/** One call that a tool made. */
export interface Called {
  readonly name: string;
  readonly input: unknown;
}

/** A client that answers as told and notes what it was asked. */
export function fakeClient(answers: Record<string, unknown>) {
  const called: Called[] = [];
  const call = async (name: string, { signal: _, ...input }: Record<string, unknown> = {}) => {
    called.push({ name, input });
    const answer = answers[name];
    const value = typeof answer === 'function' ? (answer as () => unknown)() : answer;
    if (value instanceof Error) throw value;
    return value;
  };
  const watch = new FakeWatch();
  const client = { call, watch: watch.watch } as unknown as DaemonClient;
  return { client, called, watch };
}

/** What a tool works with, over a fake client. */
export function fakeContext(
  client: DaemonClient,
  more: Partial<ToolContext> = {},
): ToolContext & { readonly told: string[] } {
  const told: string[] = [];
  return {
    client,
    events: new EventHub({ watch: (init) => client.watch(init), log: () => undefined, retryMs: 1 }),
    ownToken: async () => undefined,
    signal: new AbortController().signal,
    report: (message) => told.push(message),
    told,
    ...more,
  };
}
