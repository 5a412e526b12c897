import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { LIMITS } from '../../protocols/interface/index.ts';
import { isAllowedAddress } from './addresses.ts';
import { type Attempt, parseRetryAfter } from './rules.ts';

/** An address that a name leads to. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses that a name leads to. Rejects when there is none. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** One request to a webhook. */
export interface WebhookRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly allowPrivate: boolean;
  /** Which attempt it is, from 0: later ones try other addresses of the same name. */
  readonly turn: number;
}

/** Sends one request, once. Never throws: what went wrong is the {@link Attempt}. */
export interface Sender {
  send(request: WebhookRequest, signal: AbortSignal): Promise<Attempt>;
}

/** What {@link HttpSender} works with. */
export interface HttpSenderComponents {
  readonly resolve: Resolve;
  /** Wall clock, ms. */
  readonly nowMs: () => number;
}

/** Settings of {@link HttpSender}. */
export interface HttpSenderInit {
  readonly userAgent: string;
  /** Default LIMITS.webhookAttemptMsMax. */
  readonly timeoutMs?: number;
}

/** Patience with a body that nobody reads, once the status is there. */
const BODY_MS_MAX = 1_000;

/** The system's resolver: what the other programs of this host would connect to. */
export const systemResolve: Resolve = (hostname) =>
  lookup(hostname, { all: true, order: 'verbatim' });

/**
 * Sends over HTTP or HTTPS. The name is looked up once, every address that it leads to is checked,
 * and the connection goes to one of those and nowhere else: what the name leads to a moment later
 * does not matter. Redirects are not followed, proxies of the environment not used.
 */
export class HttpSender implements Sender {
  readonly #components: HttpSenderComponents;
  readonly #userAgent: string;
  readonly #timeoutMs: number;
  /** Look-ups under way, by name. */
  readonly #lookUps = new Map<string, Promise<readonly ResolvedAddress[]>>();

  constructor(components: HttpSenderComponents, init: HttpSenderInit) {
    this.#components = components;
    this.#userAgent = init.userAgent;
    this.#timeoutMs = init.timeoutMs ?? LIMITS.webhookAttemptMsMax;
  }

  async send(request: WebhookRequest, signal: AbortSignal): Promise<Attempt> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    try {
      const within = AbortSignal.any([signal, timeout]);
      const addresses = await untilAborted(this.#resolve(request.url), within);
      if (!addresses.every(({ address }) => isAllowedAddress(address, request.allowPrivate))) {
        return { kind: 'failed', reason: 'address' };
      }
      const address = addresses[request.turn % addresses.length];
      if (address === undefined) return { kind: 'failed', reason: 'name' };
      return await this.#post(request, address, within);
    } catch (thrown) {
      if (timeout.aborted) return { kind: 'failed', reason: 'timeout' };
      return { kind: 'failed', reason: 'network', ...codeOf(thrown) };
    }
  }

  /** None when the name leads nowhere now. */
  async #resolve({ hostname }: URL): Promise<readonly ResolvedAddress[]> {
    const bare = hostname.replace(/^\[(.*)\]$/, '$1');
    const family = isIP(bare);
    if (family !== 0) return [{ address: bare, family }];
    return await this.#lookUp(hostname);
  }

  /**
   * One look-up of a name at a time: the system's cannot be ended, and while no server answers each
   * takes longer than the attempt that waits for it.
   */
  #lookUp(hostname: string): Promise<readonly ResolvedAddress[]> {
    const known = this.#lookUps.get(hostname);
    if (known !== undefined) return known;
    const lookUp = this.#components
      .resolve(hostname)
      .catch(() => [])
      .finally(() => this.#lookUps.delete(hostname));
    this.#lookUps.set(hostname, lookUp);
    return lookUp;
  }

  async #post(
    { url, headers, body }: WebhookRequest,
    target: ResolvedAddress,
    signal: AbortSignal,
  ): Promise<Attempt> {
    // With the first webhook: the library takes 17 MB, and most daemons have none.
    const { Client } = await import('undici');
    // A connection of its own for each attempt: none is ever used that was checked for another.
    const client = new Client(url.origin, {
      allowH2: false,
      autoSelectFamily: false,
      connect: { lookup: fixedLookup(target), timeout: this.#timeoutMs },
      headersTimeout: this.#timeoutMs,
      bodyTimeout: this.#timeoutMs,
    });
    try {
      const response = await client.request({
        method: 'POST',
        path: `${url.pathname}${url.search}`,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'user-agent': this.#userAgent,
          ...headers,
        },
        body,
        signal,
      });
      const retryAfter = response.headers['retry-after'];
      await skipBody(response.body, signal);
      const { statusCode: status } = response;
      if (typeof retryAfter !== 'string') return { kind: 'status', status };
      const retryAfterMs = parseRetryAfter(retryAfter, this.#components.nowMs());
      return { kind: 'status', status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    } finally {
      await client.destroy();
    }
  }
}

/** ECONNREFUSED, CERT_HAS_EXPIRED: names out of closed lists, unlike messages. */
function codeOf(thrown: unknown): { readonly code?: string } {
  if (!(thrown instanceof Error) || !('code' in thrown)) return {};
  const { code } = thrown;
  return typeof code === 'string' && /^[A-Z][A-Z_]{2,39}$/.test(code) ? { code } : {};
}

/** The status decides; a little of the body is read so that honest receivers can end in order. */
async function skipBody(
  body: { dump(options: { limit: number; signal: AbortSignal }): Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(BODY_MS_MAX)]);
  await body.dump({ limit: LIMITS.webhookResponseBytesMax, signal: within }).catch(() => undefined);
}

/** In place of the system's: whatever is asked, the address that was checked. */
function fixedLookup({ address, family }: ResolvedAddress) {
  return (
    _hostname: string,
    options: { readonly all?: boolean | undefined },
    callback: (
      error: null,
      address: string | { address: string; family: number }[],
      family?: number,
    ) => void,
  ): void => {
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

async function untilAborted<T>(task: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([task, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
