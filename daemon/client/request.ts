import {
  type BodyInputOf,
  type ParamsOf,
  type QueryInputOf,
  type ResponseOf,
  ROUTES,
  type RouteName,
} from '../api/routes/index.ts';

/** Routes that answer one JSON value or text; `watchEvents` has `watch()`. */
export type CallName = Exclude<RouteName, 'watchEvents'>;

/**
 * A part of the input: absent for routes without it (their schema is the empty object), optional
 * where all of it is.
 */
type Part<K extends string, T> = string extends keyof T
  ? { readonly [P in K]?: undefined }
  : Partial<T> extends T
    ? { readonly [P in K]?: T | undefined }
    : { readonly [P in K]: T };

/** Options of any call. */
export interface CallOptions {
  /** Aborts the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Same key and same request: same answer, done once. Made up for POSTs that name none. */
  readonly idempotencyKey?: string | undefined;
}

/** What a call of a route takes. */
export type CallInput<N extends CallName> = CallOptions &
  Part<'params', ParamsOf<N>> &
  Part<'query', QueryInputOf<N>> &
  Part<'body', BodyInputOf<N>>;

/** The input may be left out where nothing in it is demanded. */
export type CallArgs<N extends CallName> =
  Partial<CallInput<N>> extends CallInput<N> ? [input?: CallInput<N>] : [input: CallInput<N>];

/** What a call answers. */
export type CallResult<N extends CallName> = ResponseOf<N>;

/** A request as it goes onto the socket. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body: string | undefined;
}

/** The parts of an input, whatever the route. */
export interface LooseInput {
  readonly params?: Record<string, unknown> | undefined;
  readonly query?: Record<string, unknown> | undefined;
  readonly body?: unknown;
}

function queryText(query: Record<string, unknown>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) search.set(key, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** Puts a route's path, query and body together; everything is percent-encoded. */
export function toRequest(name: RouteName, input: LooseInput): HttpRequest {
  const route = ROUTES[name];
  const path = route.path.replace(/\{(\w+)\}/g, (_, key: string) =>
    encodeURIComponent(String(input.params?.[key] ?? '')),
  );
  return {
    method: route.method,
    path: path + queryText(input.query ?? {}),
    body: input.body === undefined ? undefined : JSON.stringify(input.body),
  };
}
