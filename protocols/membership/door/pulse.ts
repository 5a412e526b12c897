import type { Connection } from '@libp2p/interface';
import { byteStream } from '@libp2p/utils';
import {
  type Clock,
  type Logger,
  type Startable,
  type Timer,
  toError,
} from '../../interface/index.ts';
import { endConnection } from './end-connection.ts';

const PING_PROTOCOL = '/ipfs/ping/1.0.0';
const PING_BYTES = 32;

/** What a {@link Pulse} works with. */
export interface PulseComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The members' connections that are open now. */
  connections(): readonly Connection[];
}

/** Options of {@link Pulse}. */
export interface PulseInit {
  /** Time between two pings of a connection. Default 5,000. */
  readonly intervalMs?: number;
  /**
   * No answer within this time ends the connection. Default 15,000: TCP brings what was lost on a
   * bad link later than one would wait, and a host that is gone is found out by liveness.
   */
  readonly timeoutMs?: number;
}

/**
 * Pings every connection to a member and ends those that are dead: a frozen host keeps its sockets
 * open. It stands in for libp2p's connection monitor, which would ping guests and strangers as
 * well.
 */
export class Pulse implements Startable {
  readonly #components: PulseComponents;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  #timer: Timer | undefined;

  constructor(components: PulseComponents, init: PulseInit = {}) {
    this.#components = components;
    this.#intervalMs = init.intervalMs ?? 5000;
    this.#timeoutMs = init.timeoutMs ?? 15_000;
  }

  async start(): Promise<void> {
    this.#timer ??= this.#schedule();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(): Timer {
    return this.#components.clock.schedule(this.#intervalMs, () => {
      for (const connection of this.#components.connections()) void this.#check(connection);
      if (this.#timer !== undefined) this.#timer = this.#schedule();
    });
  }

  async #check(connection: Connection): Promise<void> {
    const ended = new AbortController();
    const timer = this.#components.clock.schedule(this.#timeoutMs, () =>
      ended.abort(new Error('no answer to a ping')),
    );
    try {
      await ping(connection, ended.signal);
    } catch (thrown) {
      // Anything but silence (a refusal, a reset, one ping too many) is a sign of life.
      if (!ended.signal.aborted) return;
      const error = toError(thrown);
      this.#components.logger.debug({ peer: connection.remotePeer.toString() }, error.message);
      endConnection(connection, error, this.#components.logger);
    } finally {
      timer.cancel();
    }
  }
}

async function ping(connection: Connection, signal: AbortSignal): Promise<void> {
  const stream = await connection.newStream(PING_PROTOCOL, { signal });
  try {
    const bytes = byteStream(stream);
    await bytes.write(new Uint8Array(PING_BYTES), { signal });
    await bytes.read({ bytes: PING_BYTES, signal });
    await stream.close({ signal });
  } catch (thrown) {
    stream.abort(toError(thrown));
    throw thrown;
  }
}
