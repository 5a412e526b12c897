import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a receiver got. */
export interface Received {
  readonly id: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a receiver does with the n-th request, from 1. */
export type Behaviour = (response: ServerResponse, n: number, request: Received) => void;

/** A receiver of webhooks: a real HTTP server on loopback that does what the test says. */
export class Receiver {
  readonly got: Received[] = [];
  behave: Behaviour = (response) => response.writeHead(204).end();
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { headers, url: path = '' } = request;
        const body = Buffer.concat(chunks).toString();
        const received = { id: String(headers['webhook-id']), path, headers, body };
        this.got.push(received);
        this.behave(response, this.got.length, received);
      });
      response.on('error', () => undefined);
    });
  }

  get port(): number {
    return this.#port;
  }

  /** Where it is; `name` in place of its address. */
  url(name = '127.0.0.1'): string {
    return `http://${name}:${this.#port}/hook`;
  }

  /** What it was told of: types of events, in order. */
  get types(): readonly string[] {
    return this.got.map(({ body }) => (JSON.parse(body) as { type: string }).type);
  }

  async listen(port = 0, host = '127.0.0.1'): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}
