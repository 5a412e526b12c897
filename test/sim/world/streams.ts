import {
  type Clock,
  CooeeError,
  isCooeeError,
  type Requester,
  type RequestHandler,
  type Responder,
} from '../../../protocols/interface/index.ts';
import type { SideMessage, SimNetwork } from './network.ts';

const TIMEOUT_MS = 10_000;

interface Pending {
  readonly peer: string;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** What {@link SimStreams} works with. */
export interface SimStreamsComponents {
  readonly network: SimNetwork;
  readonly self: string;
  readonly clock: Clock;
}

/** Requests and answers of one process over the simulated network. */
export class SimStreams implements Requester, Responder {
  readonly #components: SimStreamsComponents;
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #pending = new Map<number, Pending>();
  #id = 0;

  constructor(components: SimStreamsComponents) {
    this.#components = components;
  }

  async handle(protocol: string, handler: RequestHandler): Promise<void> {
    this.#handlers.set(protocol, handler);
  }

  async unhandle(protocol: string): Promise<void> {
    this.#handlers.delete(protocol);
  }

  request(
    peer: string,
    protocol: string,
    body: Uint8Array,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Uint8Array> {
    const { network, self, clock } = this.#components;
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      const isSent = network.sendSide(self, peer, { kind: 'request', id, protocol, body });
      if (!isSent) {
        reject(new CooeeError('ERR_WIRE_STREAM', 'not connected'));
        return;
      }
      const end = (): void => {
        timer.cancel();
        options.signal?.removeEventListener('abort', onAbort);
        this.#pending.delete(id);
      };
      const fail = (error: unknown): void => {
        end();
        reject(error);
      };
      const onAbort = (): void => fail(options.signal?.reason);
      const timer = clock.schedule(options.timeoutMs ?? TIMEOUT_MS, () =>
        fail(new CooeeError('ERR_WIRE_TIMEOUT', 'no answer')),
      );
      options.signal?.addEventListener('abort', onAbort, { once: true });
      const succeed = (answer: Uint8Array): void => {
        end();
        resolve(answer);
      };
      this.#pending.set(id, { peer, resolve: succeed, reject: fail });
    });
  }

  onMessage(from: string, message: SideMessage): void {
    if (message.kind === 'request') {
      void this.#answer(from, message);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (pending?.peer !== from) return;
    if (message.kind === 'answer') pending.resolve(message.body);
    else pending.reject(message.error);
  }

  /** What was asked of a peer that is gone is not answered any more. */
  onDisconnected(peer: string): void {
    for (const pending of [...this.#pending.values()]) {
      if (pending.peer === peer) pending.reject(new CooeeError('ERR_WIRE_STREAM', 'broken'));
    }
  }

  async #answer(from: string, { id, protocol, body }: SideMessage): Promise<void> {
    const { network, self } = this.#components;
    const handler = this.#handlers.get(protocol);
    try {
      if (handler === undefined) throw new CooeeError('ERR_WIRE_STREAM', 'not served');
      const answer = await handler(from, body, new AbortController().signal);
      network.sendSide(self, from, { kind: 'answer', id, protocol, body: answer });
    } catch (thrown) {
      // As it comes out at the other side: code, message and details, nothing else.
      const error = isCooeeError(thrown)
        ? new CooeeError(thrown.code, thrown.message, { details: thrown.details })
        : new CooeeError('ERR_API_INTERNAL', String(thrown));
      network.sendSide(self, from, { kind: 'refusal', id, protocol, body, error });
    }
  }
}
