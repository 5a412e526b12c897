import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';

/** How the bridge starts a server. */
export interface BridgedServer {
  readonly command: string;
  readonly args: readonly string[];
  /** What a request becomes on its way to the server; unchanged without it. */
  readonly translate?: (message: JSONRPCMessage) => JSONRPCMessage;
}

/** Two ends that hand each other every message. */
interface Session {
  readonly http: StreamableHTTPServerTransport;
  readonly stdio: StdioClientTransport;
}

/**
 * Gives a server that speaks stdio a Streamable HTTP address on loopback, for test programs that
 * know no other transport. Every session starts a server of its own; what it answers
 * passes unchanged.
 */
export class McpBridge {
  readonly #server: Server = createServer((request, response) => {
    this.#handle(request, response).catch((error) => {
      if (!response.headersSent) response.writeHead(500).end(String(error));
    });
  });
  readonly #sessions = new Map<string, Session>();
  readonly #bridged: BridgedServer;

  constructor(bridged: BridgedServer) {
    this.#bridged = bridged;
  }

  /** Listens, and gives the address to connect to. */
  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://${this.#host}/mcp`;
  }

  /** Ends every session with its server. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map(({ http }) => http.close()));
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  get #host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? this.#sessions.get(id) : undefined;
    if (typeof id === 'string' && known === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { http } = known ?? (await this.#open());
    await http.handleRequest(request, response);
  }

  async #open(): Promise<Session> {
    const { command, args, translate = (message) => message } = this.#bridged;
    const stdio = new StdioClientTransport({ command, args: [...args], stderr: 'ignore' });
    const http = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void this.#sessions.set(id, session),
      enableDnsRebindingProtection: true,
      allowedHosts: [this.#host, this.#host.replace('127.0.0.1', 'localhost')],
    });
    const session = { http, stdio };
    // The HTTP transport has to know which request a notification belongs to.
    const requestOf = new Map<unknown, RequestId>();
    http.onmessage = (message) => {
      const token = metaOf(message)?.['progressToken'];
      if (token !== undefined && 'id' in message) requestOf.set(token, message.id as RequestId);
      stdio.send(translate(message)).catch(() => http.close());
    };
    stdio.onmessage = (message) => {
      const related = requestOf.get(progressTokenOf(message));
      http
        .send(message, related === undefined ? {} : { relatedRequestId: related })
        .catch(() => undefined);
    };
    http.onclose = () => void stdio.close();
    await stdio.start();
    await http.start();
    return session;
  }
}

function metaOf(message: JSONRPCMessage): Record<string, unknown> | undefined {
  if (!('params' in message)) return undefined;
  return message.params?._meta as Record<string, unknown> | undefined;
}

function progressTokenOf(message: JSONRPCMessage): unknown {
  if (!('method' in message) || message.method !== 'notifications/progress') return undefined;
  return message.params?.['progressToken'];
}
