import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { CooeeError } from '../../protocols/interface/errors.ts';
import { LIMITS } from '../../protocols/interface/limits.ts';
import { ROUTES } from '../api/routes/index.ts';
import { fromAnswer, fromTransport, isCut } from './failure.ts';
import {
  type CallArgs,
  type CallName,
  type CallOptions,
  type CallResult,
  type LooseInput,
  toRequest,
} from './request.ts';
import { type WaitForInit, waitFor } from './wait-for.ts';
import { type WatchInit, type WatchItem, watchEvents } from './watch.ts';

/** Longer than any wait the daemon allows, so that the daemon's own answer comes first. */
const ANSWER_TIMEOUT_MS = LIMITS.waitMsMax + 15_000;
/** A page of 1,000 agents is about 400 KB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** Options of {@link CooeeClient}. */
export interface CooeeClientInit {
  /** Path of either socket of a daemon: `<home>/cooee.sock` or `<home>/agent.sock`. */
  readonly socketPath: string;
  /**
   * The ticket of the agent that acts, or what gives it: called for every request, so that a new
   * one takes the place of one that expires. Needed on the agent socket for all but reading.
   */
  readonly ticket?: string | (() => string | Promise<string>) | undefined;
  /** How long to wait for an answer, ms. Default: 75 s, longer than the daemon itself waits. */
  readonly answerTimeoutMs?: number | undefined;
  /** Connections kept open at most. Default 8. */
  readonly connectionsMax?: number | undefined;
}

type Answer = { readonly status: number; readonly text: string };

/**
 * A typed client of a daemon, derived from the table of routes. Keeps its connections; call {@link
 * close} when done.
 *
 * @example
 * const client = new CooeeClient({ socketPath: '/var/lib/cooee/agent.sock' });
 * const { agents } = await client.call('listAgents', { query: { capability: 'code-review' } });
 */
export class CooeeClient {
  readonly socketPath: string;
  readonly #pool: Pool;
  readonly #ticket: CooeeClientInit['ticket'];

  constructor(init: CooeeClientInit) {
    if (Buffer.byteLength(init.socketPath) > LIMITS.socketPathBytesMax) {
      throw new CooeeError('ERR_API_SOCKET_PATH', undefined, {
        details: { socketPath: init.socketPath },
      });
    }
    this.socketPath = init.socketPath;
    this.#ticket = init.ticket;
    const timeoutMs = init.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
    this.#pool = new Pool('http://localhost', {
      socketPath: init.socketPath,
      connections: init.connectionsMax ?? 8,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: ANSWER_BYTES_MAX,
    });
  }

  /**
   * Calls a route by its operation id.
   *
   * @throws CooeeError ERR_API_DAEMON_NOT_RUNNING when nothing answers on the socket
   * @throws CooeeError with the daemon's own code, message, remedy and details when it refuses
   */
  async call<N extends CallName>(name: N, ...args: CallArgs<N>): Promise<CallResult<N>> {
    const input: CallOptions & LooseInput = args[0] ?? {};
    const { status, text } = await this.#send(name, input);
    if (ROUTES[name].kind === 'text' && status < 400) return text as CallResult<N>;
    const body = this.#parse(text, status);
    if (status >= 400) throw fromAnswer(status, body);
    return body as CallResult<N>;
  }

  /**
   * Watches events; resumes by itself when the connection or the daemon goes away. A hole is an
   * item of its own: read the state anew then. Ends when the signal aborts or the loop is left.
   *
   * @throws CooeeError as {@link call}; ERR_API_DAEMON_NOT_RUNNING when the daemon stays away
   */
  watch(init: WatchInit = {}): AsyncGenerator<WatchItem, void, undefined> {
    return watchEvents(this.socketPath, init);
  }

  /**
   * Runs `check` now and after every event (or gap) that matches, until it gives something other
   * than undefined.
   *
   * @throws CooeeError ERR_API_TIMEOUT after `timeoutMs`; whatever `check` throws
   */
  waitFor<T>(check: () => Promise<T | undefined>, init: WaitForInit = {}): Promise<T> {
    return waitFor(this.socketPath, check, init);
  }

  /** Closes all connections. Calls under way are finished first. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  async #send(name: CallName, input: CallOptions & LooseInput): Promise<Answer> {
    const request = toRequest(name, input);
    const headers: Record<string, string> = await this.#authorization();
    if (request.body !== undefined) headers['content-type'] = 'application/json';
    // With a key every method may be sent twice, so a connection that is cut (a kept-alive one that
    // the daemon just closed) is tried once more.
    if (request.method === 'POST')
      headers['idempotency-key'] = input.idempotencyKey ?? randomUUID();
    const options = {
      method: request.method,
      path: request.path,
      headers,
      body: request.body ?? null,
      signal: input.signal ?? null,
    };
    try {
      return await this.#attempt(options);
    } catch (error) {
      if (!isCut(error) || input.signal?.aborted) throw fromTransport(error, this.socketPath);
    }
    try {
      return await this.#attempt(options);
    } catch (error) {
      throw fromTransport(error, this.socketPath);
    }
  }

  async #authorization(): Promise<Record<string, string>> {
    const ticket = typeof this.#ticket === 'function' ? await this.#ticket() : this.#ticket;
    return ticket === undefined ? {} : { authorization: `Bearer ${ticket}` };
  }

  async #attempt(options: Parameters<Pool['request']>[0]): Promise<Answer> {
    const { statusCode, body } = await this.#pool.request(options);
    return { status: statusCode, text: await body.text() };
  }

  #parse(text: string, status: number): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new CooeeError('ERR_API_INTERNAL', 'The answer on the socket is not JSON.', {
        cause,
        details: { socketPath: this.socketPath, status },
      });
    }
  }
}
