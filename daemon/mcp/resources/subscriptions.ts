import { CooeeError, LIMITS } from '../../../protocols/interface/index.ts';
import type { EventHub } from '../event-hub.ts';
import { fromUri, presentOf } from './uri.ts';

/** Options of {@link Subscriptions}. */
export interface SubscriptionsInit {
  readonly events: EventHub;
  /** The address by which events name a record, of a short form too. */
  readonly canonical: (address: string) => Promise<string>;
  /** Sends `notifications/resources/updated`; resolves when the client has room for more. */
  readonly notify: (uri: string) => Promise<void>;
  readonly openTimeoutMs: number;
}

/**
 * Which resources a client wants to hear about. A change is told once the client takes it: many
 * changes of one resource are one notification, so that a client that does not read costs one
 * place a subscription and no more.
 */
export class Subscriptions {
  readonly #init: SubscriptionsInit;
  /** URI as the client wrote it -> the address whose events concern it. */
  readonly #wanted = new Map<string, string>();
  readonly #changed = new Set<string>();
  #stopListening: (() => void) | undefined;
  #isTelling = false;

  constructor(init: SubscriptionsInit) {
    this.#init = init;
  }

  /**
   * Resolves when changes from now on are told.
   *
   * @throws CooeeError ERR_MCP_SUBSCRIPTIONS when there are too many; ERR_UCXL_*; what
   * `canonical` throws
   */
  async add(uri: string): Promise<void> {
    const address = await this.#init.canonical(presentOf(fromUri(uri)));
    if (!this.#wanted.has(uri) && this.#wanted.size >= LIMITS.mcpSubscriptionsMax) {
      throw new CooeeError('ERR_MCP_SUBSCRIPTIONS');
    }
    this.#wanted.set(uri, address);
    this.#stopListening ??= this.#init.events.listen({
      event: (event) => this.#tell((about) => about === event.address),
      missed: () => this.#tell(() => true),
    });
    await this.#init.events.opened(this.#init.openTimeoutMs);
  }

  /** Unknown ones are passed over. */
  delete(uri: string): void {
    this.#wanted.delete(uri);
    this.#changed.delete(uri);
    if (this.#wanted.size === 0) this.close();
  }

  /** Tells nothing any more; idempotent. */
  close(): void {
    this.#wanted.clear();
    this.#changed.clear();
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  #tell(concerns: (address: string) => boolean): void {
    for (const [uri, address] of this.#wanted) {
      if (concerns(address)) this.#changed.add(uri);
    }
    if (!this.#isTelling) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#isTelling = true;
    for (const uri of this.#changed) {
      this.#changed.delete(uri);
      // A connection that is gone ends the server by itself.
      await this.#init.notify(uri).catch(() => undefined);
    }
    this.#isTelling = false;
  }
}
