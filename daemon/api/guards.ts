import type { IncomingHttpHeaders } from 'node:http';
import { CooeeError } from '../../protocols/interface/errors.ts';
import { LIMITS } from '../../protocols/interface/limits.ts';
import type { Rights, Route } from './routes/index.ts';
import type { Caller } from './services.ts';

/**
 * Refuses what a browser sent, or what was meant for another host (DNS rebinding): the first check
 * of every request.
 *
 * @throws CooeeError ERR_API_ORIGIN
 */
export function guardOrigin(headers: IncomingHttpHeaders): void {
  const refuse = (header: string): never => {
    throw new CooeeError('ERR_API_ORIGIN', undefined, { details: { header } });
  };
  if (headers.origin !== undefined) refuse('origin');
  if (headers.referer !== undefined) refuse('referer');
  if (headers.host?.toLowerCase() !== 'localhost') refuse('host');
}

/** @throws CooeeError ERR_API_FORBIDDEN when the socket has not the right to a route */
export function guardRights(socket: Rights, route: Route): void {
  if (socket === 'operator' || route.rights === 'agent') return;
  throw new CooeeError('ERR_API_FORBIDDEN', undefined, {
    details: { method: route.method, path: route.path },
  });
}

/** `Authorization` as RFC 6750 has it: the scheme in any case, one ticket. */
const BEARER = /^bearer +([\w.-]+)$/i;

/** Knows which agent each open request acts as. */
export class Callers {
  readonly #rights: Rights;
  readonly #authenticate: (ticket: string) => string | Promise<string>;
  readonly #agentOf = new WeakMap<object, string>();

  constructor(rights: Rights, authenticate: (ticket: string) => string | Promise<string>) {
    this.#rights = rights;
    this.#authenticate = authenticate;
  }

  /**
   * Reads the ticket of a request. A promise only for one that was not seen before.
   *
   * @throws CooeeError ERR_SESSIONS_NEEDED when the route needs one on this socket
   * @throws CooeeError ERR_SESSIONS_* for one that is not good, whatever the route needs: who sends
   * it shall know
   */
  admit(request: object, headers: IncomingHttpHeaders, route: Route): void | Promise<void> {
    const { authorization } = headers;
    if (authorization === undefined) {
      if (this.#rights === 'agent' && route.acts) throw new CooeeError('ERR_SESSIONS_NEEDED');
      return undefined;
    }
    const ticket = BEARER.exec(authorization)?.[1];
    if (ticket === undefined) {
      throw new CooeeError('ERR_SESSIONS_TICKET', 'Authorization must be Bearer and one ticket', {
        details: { reason: 'scheme' },
      });
    }
    const agent = this.#authenticate(ticket);
    if (typeof agent === 'string') {
      this.#agentOf.set(request, agent);
      return undefined;
    }
    return agent.then((name) => void this.#agentOf.set(request, name));
  }

  /** Who a request that was admitted is from. */
  of(request: object): Caller {
    const agent = this.#agentOf.get(request);
    return agent === undefined ? { rights: this.#rights } : { rights: this.#rights, agent };
  }
}

/** A place among the open requests; given back when nobody holds it any more. */
export interface Place {
  /** Holds the place for one more part of the work; the first holder is who took it. */
  hold(): void;
  /** Ends one hold. */
  drop(): void;
}

/** A bounded number of places. */
class Places {
  readonly #max: number;
  readonly #what: string;
  #taken = 0;

  constructor(max: number, what: string) {
    this.#max = max;
    this.#what = what;
  }

  get taken(): number {
    return this.#taken;
  }

  take(): Place {
    if (this.#taken >= this.#max) {
      throw new CooeeError('ERR_API_BUSY', undefined, {
        details: { limit: this.#max, what: this.#what },
      });
    }
    this.#taken += 1;
    let holders = 1;
    return {
      hold: () => {
        holders += 1;
      },
      drop: () => {
        holders -= 1;
        if (holders === 0) this.#taken -= 1;
      },
    };
  }
}

/** Counts what is open on one socket. */
export class Gate {
  readonly #requests: Places;
  readonly #watchers: Places;
  readonly #placeOf = new WeakMap<object, Place>();

  constructor(init: { readonly requestsMax?: number; readonly watchersMax?: number } = {}) {
    this.#requests = new Places(init.requestsMax ?? LIMITS.socketRequestsMax, 'requests');
    this.#watchers = new Places(init.watchersMax ?? LIMITS.socketWatchersMax, 'watchers');
  }

  /** Requests that are open now. */
  get requests(): number {
    return this.#requests.taken;
  }

  /** Event streams that are open now. */
  get watchers(): number {
    return this.#watchers.taken;
  }

  /** Takes a place for a request. @throws CooeeError ERR_API_BUSY */
  enter(request: object): Place {
    const place = this.#requests.take();
    this.#placeOf.set(request, place);
    return place;
  }

  /**
   * Runs a handler; its request keeps its place until the handler is done, also when the caller has
   * gone away: else asking and hanging up again and again would start any number of them.
   */
  async during<T>(request: object, work: () => Promise<T>): Promise<T> {
    const place = this.#placeOf.get(request);
    place?.hold();
    try {
      return await work();
    } finally {
      place?.drop();
    }
  }

  /** Takes a place for an event stream. @throws CooeeError ERR_API_BUSY */
  watch(): Place {
    return this.#watchers.take();
  }
}
