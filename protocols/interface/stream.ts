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

/**
 * Messages to other members without answers, in order, at most once: what Raft's voters say to each
 * other. One stream per direction and peer, kept open.
 */
export interface MessageLink {
  /**
   * Hands a message to the stream to the peer, which is opened when it is not. Never throws and
   * never waits.
   *
   * @returns false when the message was dropped: the peer is not connected, or more waits for it
   * than it takes
   */
  send(peer: string, message: Uint8Array): boolean;
  /** Whether a connection to the peer is open: what `send` needs. */
  isConnected(peer: string): boolean;
}
