import type { Connection } from '@libp2p/interface';
import { type Logger, toError } from '../../interface/index.ts';

/**
 * Ends a connection at once, whatever state it is in. `connection.abort` throws when the encrypted
 * stream below has closed a moment before, since Yamux still writes a GoAway (yamux 8.0.3); the
 * rest of the connection is closed then. Never throws: it is called where nobody could catch.
 */
export function endConnection(connection: Connection, reason: Error, logger: Logger): void {
  const peer = connection.remotePeer.toString();
  try {
    connection.abort(reason);
  } catch (thrown) {
    logger.debug({ peer, err: toError(thrown) }, 'a connection was closed already');
    connection.close().catch((late: unknown) => {
      logger.debug({ peer, err: toError(late) }, 'a closed connection was not closed again');
    });
  }
}
