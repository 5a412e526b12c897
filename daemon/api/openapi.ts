import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../../protocols/interface/error-codes.ts';
import { ROUTE_NAMES, ROUTES, type Route } from './routes/index.ts';

type Json = Record<string, unknown>;

/** What any refusal looks like. */
export const errorAnswer = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(ERROR_CODES) as ErrorCode[]),
      message: z.string(),
      remedy: z.string(),
      retryable: z.boolean(),
      details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    }),
  })
  .meta({ id: 'Error' });

/** Collects the schemas that have a name, so that each stands once under `components`. */
class Components {
  readonly schemas: Json = {};

  /** The JSON Schema (2020-12, as OpenAPI 3.1 has it) of what a caller sends or gets. */
  add(scope: string, schema: z.ZodType): Json {
    const { $schema: _, $defs = {}, ...root } = z.toJSONSchema(schema, { io: 'input' });
    const rename = (name: string): string => (name.startsWith('__') ? `${scope}${name}` : name);
    const point = (_key: string, value: unknown): unknown => {
      if (typeof value !== 'string' || !value.startsWith('#/$defs/')) return value;
      return `#/components/schemas/${rename(value.slice('#/$defs/'.length))}`;
    };
    const moved = (value: unknown): Json => JSON.parse(JSON.stringify(value, point)) as Json;
    for (const [name, definition] of Object.entries($defs)) {
      const { id: _id, ...rest } = moved(definition);
      this.schemas[rename(name)] = rest;
    }
    const { id, ...top } = moved(root);
    if (typeof id !== 'string') return top;
    this.schemas[id] = top;
    return { $ref: `#/components/schemas/${id}` };
  }
}

function parameters(name: string, route: Route, components: Components): Json[] {
  const out: Json[] = [];
  for (const [place, schema] of [
    ['path', route.params],
    ['query', route.query],
  ] as const) {
    const json = components.add(`${name}_${place}`, schema);
    const required = (json['required'] ?? []) as string[];
    for (const [field, value] of Object.entries((json['properties'] ?? {}) as Json)) {
      const { description, ...rest } = value as Json;
      out.push({
        name: field,
        in: place,
        required: place === 'path' || required.includes(field),
        ...(description === undefined ? {} : { description }),
        schema: rest,
      });
    }
  }
  if (route.method === 'POST') out.push({ $ref: '#/components/parameters/IdempotencyKey' });
  if (route.kind === 'events') out.push({ $ref: '#/components/parameters/LastEventId' });
  return out;
}

const MEDIA = {
  json: 'application/json',
  text: 'text/plain',
  events: 'text/event-stream',
} as const;

function responses(name: string, route: Route, components: Components): Json {
  const schema =
    route.kind === 'json' ? components.add(`${name}_response`, route.response) : { type: 'string' };
  const content = { [MEDIA[route.kind]]: { schema } };
  const headers = { 'X-Cooee-Index': { $ref: '#/components/headers/CooeeIndex' } };
  const answer = { description: 'Done', headers, content };
  return {
    '200': answer,
    ...(route.writes
      ? { '202': { ...answer, description: 'Not committed yet; see `state`' } }
      : {}),
    default: { $ref: '#/components/responses/Error' },
  };
}

function operation(name: string, route: Route, components: Components): Json {
  const body = route.takesBody
    ? {
        requestBody: {
          required: !route.bodyOptional,
          content: { [MEDIA.json]: { schema: components.add(`${name}_body`, route.body) } },
        },
      }
    : {};
  const sockets = route.rights === 'agent' ? 'Both sockets' : 'Operator socket only';
  const ticket = route.acts ? '; on the agent socket with the ticket of who acts' : '';
  return {
    operationId: name,
    summary: route.summary,
    description: `${route.docs}\n\n${sockets}${ticket}.`,
    'x-cooee-rights': route.rights,
    // Either: the operator socket takes it without.
    ...(route.acts ? { security: [{ ticket: [] }, {}] } : {}),
    parameters: parameters(name, route, components),
    ...body,
    responses: responses(name, route, components),
  };
}

const sharedParts = (error: Json): Json => ({
  securitySchemes: {
    ticket: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'The ticket of an agent, out of `POST /v1/agents/{token}/session`.',
    },
  },
  parameters: {
    IdempotencyKey: {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description: 'Same key and same request: same answer, done once.',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    },
    LastEventId: {
      name: 'Last-Event-ID',
      in: 'header',
      required: false,
      description: 'Resume after this event.',
      schema: { type: 'string' },
    },
  },
  headers: {
    CooeeIndex: {
      description: 'The log index that the answer is at least as new as.',
      schema: { type: 'integer', minimum: 0 },
    },
  },
  responses: {
    Error: { description: 'Refused or failed', content: { [MEDIA.json]: { schema: error } } },
  },
});

/** The OpenAPI 3.1 document of all routes. */
export function buildOpenApi(): Json {
  const components = new Components();
  const paths: Record<string, Json> = {};
  for (const name of ROUTE_NAMES) {
    const route: Route = ROUTES[name];
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: operation(name, route, components),
    };
  }
  const error = components.add('Error', errorAnswer);
  return {
    openapi: '3.1.0',
    info: {
      title: 'COOEE',
      version: '1',
      description: 'A daemon on its Unix sockets. Requests must carry `Host: localhost`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://localhost', description: 'cooee.sock or agent.sock' }],
    paths,
    components: { schemas: components.schemas, ...sharedParts(error) },
  };
}

let text: string | undefined;

/** {@link buildOpenApi} as text, made at the first request. */
export function openApiJson(): string {
  text ??= JSON.stringify(buildOpenApi());
  return text;
}
