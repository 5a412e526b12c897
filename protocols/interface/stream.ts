/**
 * Request and response with another member, over one stream per peer and protocol that is kept
 * open.
 */
export interface Requester {
  /**
   * Sends a request and waits for its answer.
   *
   * @throws CooeeError the typed refusal of the other side, or ERR_API_TIMEOUT when it does not
   * answer in time
   */
  request(
    peer: string,
    protocol: string,
    body: Uint8Array,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<Uint8Array>;
}

/** Answers requests. Throwing a CooeeError sends a typed refusal. */
export type RequestHandler = (
  peer: string,
  body: Uint8Array,
  signal: AbortSignal,
) => Promise<Uint8Array>;

/** Registers what this node answers. */
export interface Responder {
  handle(protocol: string, handler: RequestHandler): Promise<void>;
  unhandle(protocol: string): Promise<void>;
}
