import type { Connection } from '@libp2p/interface';
import {
  type Clock,
  CooeeError,
  isCooeeError,
  type Logger,
  type StateReader,
  toError,
} from '../../protocols/interface/index.ts';
import {
  encodeJoinRequest,
  JOIN_PROTOCOL,
  memberOf,
  type SignedStart,
} from '../../protocols/membership/index.ts';
import { askAsGuest, type GuestStreamsComponents } from '../libp2p/guest-streams.ts';

const PRESENT_TIMEOUT_MS = 6_000;

/** What {@link Introduction} works with. */
export interface IntroductionComponents {
  readonly streams: GuestStreamsComponents;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly state: StateReader;
  readonly self: string;
  readonly meshId: string;
  readonly start: SignedStart;
  /** A member says that this node was removed, or runs twice. */
  readonly onRefused: (peer: string, error: CooeeError) => void;
}

/**
 * Presents this node to each member that it is connected with: one that lags behind this node's
 * admission learns of it, one that saw another start with this node's number says so. Whoever
 * dialled: of two daemons with one identity, one may be dialled only.
 */
export class Introduction {
  readonly #components: IntroductionComponents;
  readonly #stopped = new AbortController();

  constructor(components: IntroductionComponents) {
    this.#components = components;
  }

  /** Presents this node by a connection: the member knows whose that is then. */
  present(connection: Connection): void {
    const peer = connection.remotePeer.toString();
    const { state, self, logger } = this.#components;
    const me = memberOf(state, self);
    if (me === undefined || this.#stopped.signal.aborted) return;
    this.#ask(peer, connection, me.addedIndex).catch((thrown: unknown) => {
      const error = toError(thrown);
      if (isCooeeError(error) && !error.retryable && error.code.startsWith('ERR_MEMBERSHIP_')) {
        this.#components.onRefused(peer, error);
        return;
      }
      logger.debug({ err: error, peer }, 'a member did not take the introduction');
    });
  }

  /** Presents this node once more to all members that are connected. */
  presentAgain(): void {
    const { streams, state } = this.#components;
    for (const connection of streams.network.node.getConnections()) {
      const isMember = memberOf(state, connection.remotePeer.toString()) !== undefined;
      if (isMember) this.present(connection);
    }
  }

  stop(): void {
    this.#stopped.abort(new CooeeError('ERR_API_STARTING', 'the node stops'));
  }

  async #ask(peer: string, connection: Connection, addedIndex: number): Promise<void> {
    const { streams, meshId, start } = this.#components;
    await askAsGuest(streams, peer, {
      protocol: JOIN_PROTOCOL,
      connection,
      body: encodeJoinRequest({ v: 1, kind: 'present', mesh: meshId, addedIndex, ...start }),
      timeoutMs: PRESENT_TIMEOUT_MS,
      signal: this.#stopped.signal,
    });
  }
}
