import type { Connection } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { endConnection } from '../../protocols/membership/door/index.ts';
import { JOIN_PROTOCOL } from '../../protocols/membership/index.ts';
import type { GuestStreamsComponents } from '../libp2p/guest-streams.ts';

/** A host that is busy takes some time; who asks waits for the answer to this. */
const ANSWER_TIMEOUT_MS = 4_000;

/**
 * Whether a peer answers on any of these connections. Those on which it does not are ended: what
 * came by them later would pass for another that has the same identity by then.
 *
 * @param connections - their ids; those that are closed count for nothing
 */
export async function isAnswering(
  components: GuestStreamsComponents,
  peer: string,
  connections: readonly string[],
): Promise<boolean> {
  const open = components.network.node
    .getConnections(peerIdFromString(peer))
    .filter(({ id }) => connections.includes(id));
  const answers = await Promise.all(open.map((it) => answersOn(components, it)));
  return answers.includes(true);
}

/** To agree on a protocol takes a message both ways. */
async function answersOn(
  { clock, logger }: GuestStreamsComponents,
  connection: Connection,
): Promise<boolean> {
  const late = new AbortController();
  const timer = clock.schedule(ANSWER_TIMEOUT_MS, () => late.abort());
  try {
    const stream = await connection.newStream(JOIN_PROTOCOL, {
      signal: late.signal,
      runOnLimitedConnection: true,
    });
    stream.abort(new Error('nothing is asked'));
    return true;
  } catch (error) {
    // That it does not want the stream is an answer too.
    if (!late.signal.aborted && connection.status === 'open') return true;
    logger.debug({ err: error, peer: connection.remotePeer.toString() }, 'nobody answers');
    endConnection(connection, new Error('nobody answers on this connection'), logger);
    return false;
  } finally {
    timer.cancel();
  }
}
