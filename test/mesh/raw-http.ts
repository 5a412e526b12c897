import { type ClientRequest, type IncomingMessage, request } from 'node:http';

/** What a daemon answered on a socket. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A request as it is put on the wire: nothing is added to it and nothing checked. */
export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

const open = (socketPath: string, { method = 'GET', path, headers, body }: RawRequest) => {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  return request({
    socketPath,
    method,
    path,
    headers: { host: 'localhost', ...json, ...headers },
    agent: false,
  });
};

/** One request over a connection of its own. */
export async function ask(socketPath: string, init: RawRequest): Promise<RawAnswer> {
  return await new Promise((resolve, reject) => {
    const outgoing = open(socketPath, init);
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }),
      );
    });
    outgoing.end(init.body);
  });
}

/** One message of an event stream. */
export interface RawEvent {
  readonly id: string;
  /** `message` unless the stream says otherwise. */
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event stream read as it comes, without the typed client's own resuming. */
export class RawStream {
  readonly events: RawEvent[] = [];
  /** The last id of the stream, also of its opening and its beats. */
  lastId = '';
  readonly #outgoing: ClientRequest;
  #rest = '';

  constructor(socketPath: string, path: string, headers: Readonly<Record<string, string>> = {}) {
    this.#outgoing = open(socketPath, { path, headers });
    this.#outgoing.on('error', () => undefined);
    this.#outgoing.on('response', (incoming) => {
      incoming.on('error', () => undefined);
      incoming.setEncoding('utf8').on('data', (chunk: string) => this.#push(chunk));
    });
    this.#outgoing.end();
  }

  /** Types of the events that came, gaps included. */
  get types(): readonly unknown[] {
    return this.events.map(({ event, data }) => (event === 'gap' ? 'gap' : data['type']));
  }

  close(): void {
    this.#outgoing.destroy();
  }

  #push(chunk: string): void {
    const blocks = (this.#rest + chunk).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string): string | undefined =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      this.lastId = field('id') ?? this.lastId;
      const data = field('data');
      if (data === undefined) continue;
      this.events.push({
        id: this.lastId,
        event: field('event') ?? 'message',
        data: JSON.parse(data) as RawEvent['data'],
      });
    }
  }
}
