import type { BodyOf, ParamsOf, QueryOf, ResponseOf, RouteName } from '../routes/index.ts';
import type { ApiServices, Caller, WriteWait } from '../services.ts';

/** Routes with a handler; the event stream is the server's own. */
export type HandledName = Exclude<RouteName, 'watchEvents'>;

/** A request after validation. */
export interface Call<N extends HandledName> {
  readonly params: ParamsOf<N>;
  readonly query: QueryOf<N>;
  readonly body: BodyOf<N>;
  readonly caller: Caller;
  /**
   * Aborted when the caller goes away before its answer has left. Made when it is first asked for:
   * most handlers have no use for it.
   */
  readonly signal: AbortSignal;
}

/** What a handler gives back. */
export interface Answer<T> {
  readonly status: 200 | 202;
  /** The answer, or its text when that exists already. */
  readonly body: T | { readonly json: string };
  /** Run once the answer has left. */
  readonly afterwards?: () => void;
}

/** Turns a request into calls of services; decides nothing. */
export type Handler<N extends HandledName> = (
  services: ApiServices,
  call: Call<N>,
) => Answer<ResponseOf<N>> | Promise<Answer<ResponseOf<N>>>;

/** 200 with that body. */
export const ok = <T>(body: T | { readonly json: string }): Answer<T> => ({ status: 200, body });

/** 200 once committed, 202 before. */
export const written = <T extends { readonly state: string }>(body: T): Answer<T> => ({
  status: body.state === 'committed' ? 200 : 202,
  body,
});

/** The wait that a write's query asks for. */
export const waitOf = (query: {
  readonly wait?: 'committed' | undefined;
  readonly timeoutMs: number;
}): WriteWait => ({ committed: query.wait === 'committed', timeoutMs: query.timeoutMs });
