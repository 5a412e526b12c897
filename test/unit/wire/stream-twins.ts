import type { Connection, Stream, StreamHandler } from '@libp2p/interface';
import { defaultLogger } from '@libp2p/logger';
import { AbstractStream } from '@libp2p/utils';
import type { Uint8ArrayList } from 'uint8arraylist';
import type { LinkConnections, StreamRegistrar } from '../../../protocols/wire/stream.ts';

/** One end of a stream in memory, delivered in the next microtask. */
export class TwinStream extends AbstractStream {
  twin: TwinStream | undefined;
  /** Writes that were made to it. */
  readonly writes: number[] = [];
  /** While false nothing is taken: writes wait in the stream. */
  #takes = true;

  constructor(direction: 'inbound' | 'outbound') {
    super({ id: 'twin', direction, log: defaultLogger().forComponent('twin') });
  }

  override send(data: Uint8Array | Uint8ArrayList): boolean {
    this.writes.push(data.byteLength);
    return super.send(data);
  }

  setTakes(takes: boolean): void {
    this.#takes = takes;
    if (takes) this.safeDispatchEvent('drain');
  }

  sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    if (!this.#takes) return { sentBytes: 0, canSendMore: false };
    const bytes = data.slice();
    queueMicrotask(() => this.twin?.onData(bytes));
    return { sentBytes: bytes.byteLength, canSendMore: true };
  }

  sendReset(): void {
    queueMicrotask(() => {
      if (this.twin?.status === 'open') this.twin.onRemoteReset();
    });
  }

  async sendCloseWrite(): Promise<void> {
    queueMicrotask(() => this.twin?.onRemoteCloseWrite());
  }

  async sendCloseRead(): Promise<void> {
    await Promise.resolve();
  }

  sendPause(): void {
    this.twin?.setTakes(false);
  }

  sendResume(): void {
    this.twin?.setTakes(true);
  }
}

type Listener = (peer: string, isConnected: boolean) => void;

/** The network of one node in memory: whom it is connected to, what it serves, what it opened. */
export class TwinHost implements LinkConnections {
  readonly name: string;
  /** Streams that were opened from here, oldest first. */
  readonly opened: TwinStream[] = [];
  /** Attempts to open one. */
  attempts = 0;
  /** What the next attempts end with. */
  openError: Error | undefined;
  /** Attempts wait for it. */
  openGate: Promise<void> | undefined;
  /** Attempts that are given up come to their end all the same. */
  ignoresAbort = false;
  readonly #peers = new Map<string, TwinHost>();
  readonly #listeners = new Set<Listener>();
  readonly #handlers = new Map<string, StreamHandler>();

  constructor(name: string) {
    this.name = name;
  }

  readonly registrar: StreamRegistrar = {
    handle: async (protocol, handler) => {
      this.#handlers.set(protocol, handler);
    },
    unhandle: async (protocol) => {
      this.#handlers.delete(protocol);
    },
  };

  get listenerCount(): number {
    return this.#listeners.size;
  }

  isConnected(peer: string): boolean {
    return this.#peers.has(peer);
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async openStream(
    peer: string,
    protocol: string,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Stream> {
    this.attempts += 1;
    const gate = this.openGate ?? Promise.resolve();
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => {
        if (!this.ignoresAbort) reject(signal.reason);
      }),
    );
    await Promise.race([gate, aborted]);
    if (this.openError !== undefined) throw this.openError;
    const host = this.#peers.get(peer);
    if (host === undefined) throw new Error('not connected');
    const stream = host.accept(this.name, protocol);
    this.opened.push(stream);
    return stream;
  }

  /** A stream that `from` opens to this host: its outbound end. */
  accept(from: string, protocol: string): TwinStream {
    const handler = this.#handlers.get(protocol);
    if (handler === undefined) throw new Error('protocol is not served');
    const outbound = new TwinStream('outbound');
    const inbound = new TwinStream('inbound');
    outbound.twin = inbound;
    inbound.twin = outbound;
    const connection = { remotePeer: { toString: () => from } } as unknown as Connection;
    void handler(inbound, connection);
    return outbound;
  }

  join(other: TwinHost): void {
    this.#set(other, true);
    other.#set(this, true);
  }

  part(other: TwinHost): void {
    this.#set(other, false);
    other.#set(this, false);
  }

  #set(other: TwinHost, isConnected: boolean): void {
    if (isConnected) this.#peers.set(other.name, other);
    else this.#peers.delete(other.name);
    for (const listener of this.#listeners) listener(other.name, isConnected);
  }
}
