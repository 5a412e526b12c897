import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock, Metrics } from '../../protocols/interface/index.ts';
import { CooeeError, LIMITS } from '../../protocols/interface/index.ts';
import { EventStream } from './event-stream.ts';
import { SAFE_HEADERS } from './failure.ts';
import { type Callers, type Gate, guardRights } from './guards.ts';
import { type Answer, type Call, HANDLERS, type HandledName } from './handlers/index.ts';
import type { Idempotency, StoredAnswer } from './idempotency.ts';
import { type QueryOf, type Rights, ROUTE_NAMES, ROUTES, type Route } from './routes/index.ts';
import type { ApiServices } from './services.ts';
import { validate } from './validate.ts';

/** What the routes of one socket share. */
export interface DispatchContext {
  readonly services: ApiServices;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly rights: Rights;
  readonly gate: Gate;
  readonly callers: Callers;
  readonly idempotency: Idempotency;
  /** Streams that are open, for the stop. */
  readonly streams: Set<EventStream>;
  /** Connections that have become an event stream: no other answer can come on them. */
  readonly watching: WeakSet<object>;
}

/** What the JSON parser leaves: the value, and the text as it came. */
interface ParsedBody {
  readonly text: string;
  readonly value: unknown;
}

/** How new the answer to a read must be. */
interface Freshness {
  readonly minIndex?: number | undefined;
  readonly consistency?: 'linearizable' | undefined;
}

/** A request under way. */
interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Any handler, seen from the dispatcher: the schemas have checked what it is given. */
type AnyHandler = (
  services: ApiServices,
  call: Call<HandledName>,
) => Answer<unknown> | Promise<Answer<unknown>>;

const JSON_TYPE = 'application/json; charset=utf-8';
const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Puts every route of the table onto a server. */
export function registerRoutes(app: FastifyInstance, context: DispatchContext): void {
  for (const name of ROUTE_NAMES) {
    const route: Route = ROUTES[name];
    app.route({
      method: route.method,
      url: route.path.replace(/\{(\w+)\}/g, ':$1'),
      // Before the body is read: who may not do it need not send it.
      onRequest: (request, _reply, done) => {
        try {
          guardRights(context.rights, route);
          const admitted = context.callers.admit(request, request.headers, route);
          // Most have no ticket, or one that was seen before: they wait for nothing.
          if (admitted === undefined) done();
          else admitted.then(() => done(), done);
        } catch (error) {
          done(error as Error);
        }
      },
      handler:
        name === 'watchEvents'
          ? (request, reply) => watch(context, request, reply)
          : (request, reply) =>
              context.gate.during(request.raw, () => handle(context, name, { request, reply })),
    });
  }
}

function callOf(
  context: DispatchContext,
  route: Route,
  { request, reply }: Exchange,
): Call<HandledName> {
  const body = request.body as ParsedBody | undefined;
  if (body === undefined && !route.bodyOptional) {
    throw new CooeeError('ERR_API_BODY', 'This route needs a JSON body.', {
      details: { part: 'body', path: '' },
    });
  }
  return {
    params: validate(route.params, 'params', request.params),
    query: validate(route.query, 'query', request.query),
    body: validate(route.body, 'body', body === undefined ? {} : body.value),
    caller: context.callers.of(request),
    get signal() {
      return whileWanted(reply);
    },
  } as Call<HandledName>;
}

/** Aborted when the caller goes away before its answer has left. */
function whileWanted({ raw }: FastifyReply): AbortSignal {
  const ended = new AbortController();
  const look = (): void => {
    if (raw.writableFinished) return;
    ended.abort(new CooeeError('ERR_API_TIMEOUT', 'The caller went away before it was answered.'));
  };
  if (raw.closed) look();
  else raw.once('close', look);
  return ended.signal;
}

async function handle(
  context: DispatchContext,
  name: HandledName,
  exchange: Exchange,
): Promise<unknown> {
  const { services } = context;
  const { request, reply } = exchange;
  const route: Route = ROUTES[name];
  const call = callOf(context, route, exchange);
  const { minIndex, consistency } = call.query as Freshness;
  if (minIndex !== undefined || consistency !== undefined) {
    await waitForFreshness(services, { minIndex, consistency });
  }
  const handler = HANDLERS[name] as unknown as AnyHandler;
  const run = async (): Promise<StoredAnswer> => {
    const { status, body, afterwards } = await handler(services, call);
    if (afterwards !== undefined) reply.raw.once('close', afterwards);
    return { status, json: textOf(body) };
  };
  // A read is at least as new as the index before it; a write has moved the index when it is done.
  const indexBefore = services.appliedIndex();
  const key = request.headers['idempotency-key'];
  const answer =
    route.method === 'POST' && typeof key === 'string'
      ? await context.idempotency.run(
          { key, scope: call.caller.agent ?? '', parts: partsOf(name, request) },
          run,
        )
      : await run();
  const index = route.method === 'GET' ? indexBefore : services.appliedIndex();
  send(reply, answer, { type: route.kind === 'text' ? TEXT_TYPE : JSON_TYPE, index });
  return reply;
}

/**
 * Sends an answer by Node's own response. What Fastify could still do for one that is a text with a
 * known status, type and length would take a fifth of all the time that the request takes here.
 */
function send(
  reply: FastifyReply,
  { status, json }: StoredAnswer,
  { type, index }: { readonly type: string; readonly index: number },
): void {
  reply.hijack();
  reply.raw.writeHead(status, {
    ...SAFE_HEADERS,
    'content-type': type,
    'content-length': Buffer.byteLength(json),
    'x-cooee-index': index,
  });
  reply.raw.end(json);
}

/** Waits until an answer is as new as the caller wants it. */
async function waitForFreshness(
  services: ApiServices,
  { minIndex = 0, consistency }: Freshness,
): Promise<void> {
  const read = consistency === 'linearizable' ? await services.readIndex() : 0;
  const index = Math.max(minIndex, read);
  if (services.appliedIndex() < index) await services.waitForIndex(index, LIMITS.waitMsDefault);
}

function partsOf(name: HandledName, request: FastifyRequest): readonly string[] {
  return [name, request.url, (request.body as ParsedBody | undefined)?.text ?? ''];
}

function textOf(body: unknown): string {
  if (typeof body === 'string') return body;
  const json = (body as { json?: unknown }).json;
  return typeof json === 'string' ? json : JSON.stringify(body);
}

/** `GET /v1/events`: the one route that is no question and answer. */
function watch(context: DispatchContext, request: FastifyRequest, reply: FastifyReply): void {
  const { services, clock, gate, streams } = context;
  // The caller hung up while its ticket was looked at: nothing would ever close the stream.
  if (reply.raw.closed) return;
  const query = validate(
    ROUTES.watchEvents.query,
    'query',
    request.query,
  ) as QueryOf<'watchEvents'>;
  const header = request.headers['last-event-id'];
  const place = gate.watch();
  try {
    const subscription = services.events.subscribe({
      sinceId: typeof header === 'string' ? header : query.since,
      sinceIndex: query.sinceIndex,
      match: query.match,
    });
    reply.hijack();
    reply.raw.writeHead(200, {
      ...SAFE_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      'x-cooee-index': services.appliedIndex(),
    });
    const stream = new EventStream(clock, reply.raw, subscription);
    streams.add(stream);
    context.watching.add(request.raw.socket);
    stream.open(() => {
      streams.delete(stream);
      place.drop();
    });
  } catch (error) {
    place.drop();
    throw error;
  }
}
