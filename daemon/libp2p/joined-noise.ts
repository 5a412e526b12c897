import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface';
import { noise } from '@libp2p/noise';

type Noise = ReturnType<typeof noise>;

/**
 * Noise (17) that costs a commit a third less: it hands the length of a message and the message to
 * the socket as two pieces, which leave with a system call and a packet each, and ends every read
 * by making an error with a stack that it drops. What goes over the wire is the same.
 */
export function joinedNoise(): Noise {
  const make = noise();
  return (components) => {
    const encrypter = make(components);
    const { secureInbound, secureOutbound } = encrypter;
    const secured =
      (secure: ConnectionEncrypter['secureInbound']): typeof secure =>
      async (connection, options) =>
        withQuickLengths(await secure.call(encrypter, withJoinedWrites(connection), options));
    encrypter.secureInbound = secured(secureInbound) as typeof secureInbound;
    encrypter.secureOutbound = secured(secureOutbound) as typeof secureOutbound;
    return encrypter;
  };
}

/** What is sent together is written together. */
function withJoinedWrites<T extends MessageStream>(connection: T): T {
  const send = connection.send.bind(connection);
  connection.send = (data) => send(data.subarray());
  return connection;
}

const LENGTH_BYTES = 2;
/** Says that more is to come, and is caught where it is thrown: nobody sees its stack. */
const INCOMPLETE = new RangeError('a length that is not complete');

function withQuickLengths(secured: SecuredConnection): SecuredConnection {
  const { connection } = secured as { connection: { decoder?: { lengthDecoder?: unknown } } };
  if (typeof connection.decoder?.lengthDecoder === 'function') {
    connection.decoder.lengthDecoder = (data: { length: number; get(at: number): number }) => {
      if (data.length < LENGTH_BYTES) throw INCOMPLETE;
      return data.get(0) * 0x100 + data.get(1);
    };
  }
  return secured;
}
