import { z } from 'zod';

/**
 * The two sockets: `operator` may do everything, `agent` what docs/api.md lists for
 * programs.
 */
export type Rights = 'operator' | 'agent';

/** How a route answers: one JSON value, plain text, or a stream of server-sent events. */
export type RouteKind = 'json' | 'text' | 'events';

/** What {@link defineRoute} takes; left-out parts mean "none allowed". */
interface RouteInit<P, Q, B, R> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** OpenAPI path template, e.g. `/v1/agents/{token}`. */
  readonly path: `/${string}`;
  /** One line. */
  readonly summary: string;
  /** What a caller should know; Markdown. */
  readonly docs: string;
  /** `operator`: operator socket only. `agent`: both sockets. */
  readonly rights: Rights;
  readonly kind?: RouteKind;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** True when the body may be left out (every field has a default). */
  readonly bodyOptional?: boolean;
  readonly response: R;
  /**
   * Whether the caller acts in it, so that it needs a ticket on the agent socket. Default: every
   * route of the agent socket but `GET`.
   */
  readonly acts?: boolean;
  /** True when the answer is 202 until the write is committed (`state` tells). */
  readonly writes?: boolean;
}

/** One route, defined once: server, client, OpenAPI document and tests are derived from it. */
export interface Route<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
> extends Required<RouteInit<P, Q, B, R>> {
  /** Whether the route takes a body at all. */
  readonly takesBody: boolean;
}

const nothing = z.strictObject({});
type Nothing = typeof nothing;

/** Completes a route definition; schemas that are left out accept nothing but the empty object. */
export function defineRoute<
  R extends z.ZodType,
  P extends z.ZodType = Nothing,
  Q extends z.ZodType = Nothing,
  B extends z.ZodType = Nothing,
>(init: RouteInit<P, Q, B, R>): Route<P, Q, B, R> {
  return {
    ...init,
    kind: init.kind ?? 'json',
    params: init.params ?? (nothing as unknown as P),
    query: init.query ?? (nothing as unknown as Q),
    body: init.body ?? (nothing as unknown as B),
    bodyOptional: init.bodyOptional ?? init.body === undefined,
    acts: init.acts ?? (init.rights === 'agent' && init.method !== 'GET'),
    writes: init.writes ?? false,
    takesBody: init.body !== undefined,
  };
}
