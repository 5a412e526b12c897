import { HealthBook } from '../../../../daemon/system/health.ts';
import { MetricsBook } from '../../../../daemon/system/metrics.ts';
import type { Attempt } from '../../../../daemon/webhook/rules.ts';
import { Webhooks } from '../../../../daemon/webhook/webhooks.ts';
import { type Logger, silentLogger } from '../../../../protocols/interface/index.ts';
import { systemError } from '../../../../storage/faults.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { ManualClock, settle } from '../../wire/manual-clock.ts';
import { endpointOf, FakeCalls, FakeSender, plainMessage } from './fixture.ts';

export const OK: Attempt = { kind: 'status', status: 200 };
export const BROKEN: Attempt = { kind: 'status', status: 500 };

/** The webhooks of a node: calls, receiver and clock are the test's. */
export class World {
  readonly clock = new ManualClock();
  readonly calls = new FakeCalls();
  readonly sender = new FakeSender();
  readonly health = new HealthBook(silentLogger);
  readonly metrics = new MetricsBook();
  message = plainMessage;
  /** What was logged, from warnings on. */
  readonly logged: { readonly fields: unknown; readonly text: string | undefined }[] = [];
  isDiskFull = false;
  readonly store = new MemoryStore({
    faults: {
      hit: () => {
        if (this.isDiskFull) throw systemError('ENOSPC');
      },
    },
  });
  endpoints = [endpointOf()];
  #index = 100;

  /** The webhooks as they are after a start of the daemon. */
  async start(admittedIndex = 0): Promise<Webhooks> {
    if (this.store.status !== 'open') await this.store.open();
    const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 1 };
    const { endpoints, message } = this;
    const note = (fields: object, text?: string): void => void this.logged.push({ fields, text });
    const logger: Logger = { ...silentLogger, error: note, warn: note };
    const webhooks = new Webhooks(
      { ...this, random, logger, message },
      { endpoints, admittedIndex },
    );
    await webhooks.start(() => this.calls.sound);
    await this.rest();
    return webhooks;
  }

  /** Something happens to a call, as the log tells it. */
  async happen(webhooks: Webhooks, ...args: Parameters<FakeCalls['happen']>): Promise<void> {
    this.#index += 1;
    const entry = { index: this.#index, calls: [args[0]] };
    await this.store.batch(webhooks.writesFor(entry));
    this.calls.happen(...args);
    webhooks.onApplied(entry);
    await this.rest();
  }

  /** Until everything that can happen now has. */
  async rest(): Promise<void> {
    for (let i = 0; i < 10; i++) await settle();
  }

  async rows(): Promise<number> {
    let count = 0;
    for await (const [key] of this.store.entries('webhook')) if (key.startsWith('due/')) count += 1;
    return count;
  }

  codes(): readonly string[] {
    return this.health.list().map(({ code }) => code);
  }
}
