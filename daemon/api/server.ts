import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply } from 'fastify';
import {
  type Clock,
  CooeeError,
  LIMITS,
  type Logger,
  type Metrics,
  type Startable,
} from '../../protocols/interface/index.ts';
import { parseJson } from './body/parse-json.ts';
import { registerRoutes } from './dispatch.ts';
import type { EventStream } from './event-stream.ts';
import { answerClientError, SAFE_HEADERS, statusOf, toCooeeError, toErrorJson } from './failure.ts';
import { Callers, Gate, guardOrigin } from './guards.ts';
import { createMemoryIdempotencyStore, Idempotency, type IdempotencyStore } from './idempotency.ts';
import { type Rights, ROUTES, type Route } from './routes/index.ts';
import type { ApiServices } from './services.ts';
import { listenOnSocket } from './socket.ts';

/** What a server needs. */
export interface ApiServerComponents {
  readonly services: ApiServices;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Where results of idempotency keys are kept. In memory when left out. */
  readonly idempotencyStore?: IdempotencyStore;
}

/** Options of {@link createApiServer}. */
export interface ApiServerInit {
  readonly socketPath: string;
  /** Which of the two sockets this is. */
  readonly rights: Rights;
  /** Permission bits of the socket: 0o600, or 0o660 with a group. */
  readonly mode: number;
  /** Group (name or number) that owns the socket. */
  readonly group?: string;
  /** Time for the headers to arrive. Default LIMITS.httpHeadersMsMax. */
  readonly headersMsMax?: number;
  /** Time for a whole request to arrive. Default LIMITS.httpRequestMsMax. */
  readonly requestMsMax?: number;
  /** How long an answer may lie unread. Default LIMITS.httpAnswerMsMax. */
  readonly answerMsMax?: number;
  /** How often slow connections are looked for, ms. Default 1 s. */
  readonly checkEveryMs?: number;
  /** How long open requests may go on after {@link Startable.stop}, ms. Default 500. */
  readonly stopGraceMs?: number;
}

/** A kept-alive connection that asks nothing is closed after this time. */
const KEEP_ALIVE_MS = 60_000;

/** How long a caller may go on sending a body that was refused. */
const LINGER_MS = 1_000;

/**
 * A server on one of the two sockets. Nothing is open before `start`, nothing is left after `stop`.
 */
export function createApiServer(components: ApiServerComponents, init: ApiServerInit): Startable {
  return new ApiServer(components, init);
}

class ApiServer implements Startable {
  readonly #components: ApiServerComponents;
  readonly #init: ApiServerInit;
  readonly #logger: Logger;
  readonly #gate = new Gate();
  readonly #streams = new Set<EventStream>();
  /** Connections that have become an event stream. */
  readonly #watching = new WeakSet<object>();
  /** Connections whose request was answered before it was all there: no second answer. */
  readonly #lingering = new WeakSet<object>();
  #server: Server | undefined;
  #app: FastifyInstance | undefined;
  #isStopping = false;

  constructor(components: ApiServerComponents, init: ApiServerInit) {
    this.#components = components;
    this.#init = init;
    this.#logger = components.logger.child('cooee:api:server');
  }

  /** @throws CooeeError ERR_API_SOCKET_PATH, ERR_API_SOCKET_TAKEN */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    this.#isStopping = false;
    const app = await this.#build();
    const server = app.server;
    this.#app = app;
    this.#server = server;
    try {
      await app.ready();
      await listenOnSocket(server, this.#init);
    } catch (error) {
      await this.stop();
      throw error;
    }
    // After the bind a fault of the listener must not end the process.
    server.on('error', (error) => this.#logger.error({ error: error.message }, 'socket failed'));
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#isStopping = true;
    for (const stream of this.#streams) stream.close();
    await this.#close(server);
    await this.#app?.close().catch((error: unknown) => {
      this.#logger.warn({ error: String(error) }, 'closing the server failed');
    });
    this.#app = undefined;
  }

  #close(server: Server): Promise<void> {
    if (!server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      const grace = this.#components.clock.schedule(this.#init.stopGraceMs ?? 500, () => {
        server.closeAllConnections();
      });
      // Closing the listener removes the socket file.
      server.close(() => {
        grace.cancel();
        resolve();
      });
      server.closeIdleConnections();
    });
  }

  async #build(): Promise<FastifyInstance> {
    // Loaded here: a program that imports this file pays for fastify only when it serves.
    const { fastify } = await import('fastify');
    const app = fastify({
      logger: false,
      bodyLimit: LIMITS.httpBodyBytesMax,
      exposeHeadRoutes: false,
      // A percent-encoded UCXL address is at most three times as long.
      routerOptions: { maxParamLength: 3 * LIMITS.addressBytesMax },
      serverFactory: (handler) => this.#listener(handler),
      clientErrorHandler: (fault, socket) => {
        if (this.#lingering.has(socket)) {
          socket.destroy();
          return;
        }
        const error = answerClientError(fault, socket);
        if (error !== undefined) this.#countRefusal(error);
      },
      frameworkErrors: (fault, _request, reply) => {
        this.#refuse(fault, reply as unknown as FastifyReply);
      },
    }) as unknown as FastifyInstance;
    this.#addParser(app);
    this.#addGuards(app);
    this.#addFaults(app);
    registerRoutes(app, {
      ...this.#components,
      rights: this.#init.rights,
      gate: this.#gate,
      callers: new Callers(this.#init.rights, (ticket) =>
        this.#components.services.authenticate(ticket),
      ),
      streams: this.#streams,
      watching: this.#watching,
      idempotency: new Idempotency(
        this.#components.idempotencyStore ?? createMemoryIdempotencyStore(),
      ),
    });
    return app;
  }

  #listener(handler: Parameters<typeof createServer>[1] & {}): Server {
    const { headersMsMax, requestMsMax, checkEveryMs } = this.#init;
    const server = createServer(
      {
        headersTimeout: headersMsMax ?? LIMITS.httpHeadersMsMax,
        requestTimeout: requestMsMax ?? LIMITS.httpRequestMsMax,
        connectionsCheckingInterval: checkEveryMs ?? 1_000,
        maxHeaderSize: LIMITS.httpHeaderBytesMax,
        keepAliveTimeout: KEEP_ALIVE_MS,
        // The guard answers for a missing Host, with a typed error.
        requireHostHeader: false,
        // Or a second Host would go unseen behind the first.
        joinDuplicateHeaders: true,
      },
      handler,
    );
    server.maxConnections = LIMITS.socketConnectionsMax;
    // What nobody here understands may be passed over (RFC 9110, section 10.1.1): Node would refuse
    // it before the guards, without an error.
    server.on('checkExpectation', handler);
    return server;
  }

  #addParser(app: FastifyInstance): void {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) => {
      // An empty body is no body, whatever its type says. The text is kept for idempotency keys.
      if (bytes.length === 0) return done(null, undefined);
      try {
        return done(null, parseJson(bytes as Buffer));
      } catch (error) {
        return done(error as Error);
      }
    });
  }

  #addGuards(app: FastifyInstance): void {
    app.addHook('onRequest', (request, reply, done) => {
      const { socket } = request.raw;
      if (this.#watching.has(socket)) {
        // It would wait behind the stream for ever, and keep its place as long.
        socket.destroy();
        return;
      }
      this.#limitAnswer(socket, reply.raw);
      reply.raw.once('close', () => {
        // A connection that is kept alive would hold up the stop until its grace is over.
        if (this.#isStopping) setImmediate(() => app.server.closeIdleConnections());
      });
      try {
        guardOrigin(request.headers);
        // Event streams have places of their own.
        if (request.routeOptions.url !== ROUTES.watchEvents.path) {
          const place = this.#gate.enter(request.raw);
          // `close` comes after the last byte as well as when the caller goes away.
          reply.raw.once('close', () => place.drop());
        }
        done();
      } catch (error) {
        done(error as Error);
      }
    });
  }

  /** An answer that its caller does not read must not keep its place for ever. */
  #limitAnswer(socket: Socket, response: ServerResponse): void {
    // Behind another one on its connection: when its turn comes, the time of that one is over.
    if (response.socket === null) response.once('socket', () => socket.setTimeout(0));
    // All of it was handed to the connection; mostly the system has taken it by now.
    response.once('prefinish', () => {
      if (socket.writableLength === 0) return;
      socket.setTimeout(this.#init.answerMsMax ?? LIMITS.httpAnswerMsMax);
    });
  }

  #addFaults(app: FastifyInstance): void {
    app.setErrorHandler((fault, request, reply) => {
      const error = this.#refuse(fault, reply);
      if (error.code === 'ERR_API_INTERNAL') this.#logFault(error, request.routeOptions.url);
    });
    app.setNotFoundHandler((request, reply) => {
      const methods = methodsOf(request.url);
      if (methods.length === 0) {
        throw new CooeeError('ERR_API_NOT_FOUND', 'There is no such route.', {
          remedy: 'See /openapi.json for the routes.',
        });
      }
      reply.header('allow', methods.join(', '));
      throw new CooeeError('ERR_API_METHOD', undefined, { details: { allow: methods.join(', ') } });
    });
  }

  #refuse(fault: unknown, reply: FastifyReply): CooeeError {
    const error = toCooeeError(fault);
    this.#countRefusal(error);
    if (!reply.request.raw.complete) this.#linger(reply);
    // RFC 9110: a 401 says how to do better.
    if (statusOf(error) === 401) reply.header('www-authenticate', 'Bearer');
    reply
      .code(statusOf(error))
      .headers(SAFE_HEADERS)
      .type('application/json; charset=utf-8')
      .send(toErrorJson(error));
    return error;
  }

  /**
   * Closed at once, the connection would show a caller that still sends a broken pipe in place of
   * the answer: for a moment, what comes is thrown away.
   */
  #linger(reply: FastifyReply): void {
    const { raw } = reply.request;
    const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers;
    // Nothing more comes: it is not complete only because it was refused before Node could say so.
    if (length === undefined && encoding === undefined) return;
    const isLast = !reply.raw.shouldKeepAlive;
    reply.removeHeader('connection');
    reply.raw.shouldKeepAlive = true;
    this.#lingering.add(raw.socket);
    const closeIfLast = (): void => {
      if (isLast && raw.complete && reply.raw.writableFinished) raw.socket.end();
    };
    raw.once('end', () => {
      this.#lingering.delete(raw.socket);
      closeIfLast();
    });
    reply.raw.once('finish', () => {
      closeIfLast();
      this.#components.clock.schedule(LINGER_MS, () => {
        if (!raw.complete) raw.socket.destroy();
      });
    });
  }

  #logFault(error: CooeeError, route: string | undefined): void {
    const { cause } = error;
    const what = cause instanceof Error ? (cause.stack ?? cause.message) : typeof cause;
    this.#logger.error({ route, error: what }, 'request failed by a fault of the daemon');
  }

  #countRefusal(error: CooeeError): void {
    this.#components.metrics.count('cooee_api_refusals_total', { code: error.code });
  }
}

const PATTERNS = Object.values(ROUTES).map((route: Route) => ({
  method: route.method,
  pattern: new RegExp(`^${route.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
}));

/** The methods that a path takes; none when there is no such path. */
function methodsOf(url: string): string[] {
  const [path = ''] = url.split('?');
  return PATTERNS.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
}
