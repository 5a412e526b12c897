import { createHmac } from 'node:crypto';
import type { CallEventType } from '../config/webhooks.ts';
import type { EventFilter } from './rules.ts';

/** What an {@link Endpoint} is made of. */
export interface EndpointInit {
  readonly name: string;
  readonly url: string;
  /** The key of the signatures: 24 to 64 bytes. */
  readonly secret: Uint8Array;
  readonly events?: readonly CallEventType[] | undefined;
  readonly severityMin: EventFilter['severityMin'];
  readonly escalationMin: number;
  readonly allowPrivate: boolean;
}

/** What one request says, before it is signed. */
export interface Message {
  /** The same for every attempt, and on every node of the mesh. */
  readonly id: string;
  readonly body: string;
  /** Time of the attempt, ms since the Unix epoch. */
  readonly atMs: number;
}

/**
 * One webhook of this node. URL and secret are private fields, so that no log line, dump or JSON of
 * what holds an endpoint shows them.
 */
export class Endpoint {
  /** What logs, conditions and the store know it by. */
  readonly name: string;
  readonly filter: EventFilter;
  /** Whether it may be on loopback or in a private network. */
  readonly allowPrivate: boolean;
  readonly #url: string;
  readonly #secret: Uint8Array;

  constructor(init: EndpointInit) {
    const { name, events, severityMin, escalationMin } = init;
    this.name = name;
    this.filter = { events, severityMin, escalationMin };
    this.allowPrivate = init.allowPrivate;
    this.#url = init.url;
    this.#secret = init.secret;
  }

  /** Where to send to; for the sender alone. */
  target(): URL {
    return new URL(this.#url);
  }

  /** The three headers of Standard Webhooks 1.0.0, "Webhook headers". */
  headersOf({ id, body, atMs }: Message): Readonly<Record<string, string>> {
    const timestamp = String(Math.floor(atMs / 1000));
    return {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': sign(this.#secret, `${id}.${timestamp}.${body}`),
    };
  }
}

/**
 * The symmetric signature of Standard Webhooks 1.0.0, "Signature scheme".
 *
 * @param content `<id>.<timestamp>.<body>`
 */
export function sign(secret: Uint8Array, content: string): string {
  return `v1,${createHmac('sha256', secret).update(content).digest('base64')}`;
}
