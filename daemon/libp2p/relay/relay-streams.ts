import type { Connection, Stream } from '@libp2p/interface';
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal';
import { replaced } from './replaced.ts';

/** What waits in a relay for the other side to take it, beside one window of Yamux. */
const WAITING_BYTES_MAX = 64 * 1024;
/** From this byte on, a length of protobuf goes on in the next byte. */
const MORE = 0x80;

interface Parts {
  readonly registrar: Registrar;
  readonly connectionManager: ConnectionManager;
}

/** Components whose streams, opened here or there, pass through a function before they are used. */
export function withStreams<T extends Parts>(components: T, prepare: (stream: Stream) => void): T {
  const { registrar, connectionManager: inner } = components;
  const prepared = (connection: Connection): Connection =>
    replaced(connection, {
      newStream: async (...args) => {
        const stream = await connection.newStream(...args);
        prepare(stream);
        return stream;
      },
    });
  const connectionManager = replaced(inner, {
    getConnections: (peer) => inner.getConnections(peer).map(prepared),
    openConnection: async (...args) => prepared(await inner.openConnection(...args)),
  });
  const handle: Registrar['handle'] = (protocol, handler, options) =>
    registrar.handle(
      protocol,
      (stream, connection) => {
        prepare(stream);
        return handler(stream, connection);
      },
      options,
    );
  const parts: Parts = { connectionManager, registrar: replaced(registrar, { handle }) };
  return replaced<Parts>(components, parts) as T;
}

/**
 * Ends a stream that begins with a message of 16 KiB or more: circuit-relay-v2 4 reads up to 4 MiB,
 * and each address in it, half a second of nothing else. What it means to say has some 100 bytes.
 */
export function brief(stream: Stream): void {
  let before: number | undefined;
  let isKnown = false;
  onMessage(stream, (data) => {
    for (let at = 0; at < data.byteLength && !isKnown; at++) {
      const byte = data.subarray(at, at + 1)[0] ?? 0;
      isKnown = byte < MORE || before !== undefined;
      if (byte >= MORE && before !== undefined) stream.abort(new Error('a message too long'));
      before = byte;
    }
  });
}

/** Tells that the data has been handed on. */
const handedOn = new WeakMap<object, () => void>();

/**
 * Takes no more of a stream than the one that it is joined with takes: circuit-relay-v2 4 reads on
 * and keeps what the other side does not take, without a bound.
 */
export function paced(stream: Stream): void {
  let waiting = 0;
  onMessage(stream, (data) => {
    const bytes = data.byteLength;
    waiting += bytes;
    handedOn.set(data, () => {
      waiting -= bytes;
      if (waiting <= WAITING_BYTES_MAX / 2 && stream.readStatus === 'paused') stream.resume();
    });
    if (waiting > WAITING_BYTES_MAX && stream.readStatus === 'readable') stream.pause();
  });
  const send = stream.send.bind(stream);
  stream.send = (data) => {
    const canSendMore = send(data);
    handedOn.get(data)?.();
    return canSendMore;
  };
}

/**
 * Looks at what a stream brings before its listeners do. It is none of them: a stream with a
 * listener gives away what comes while nobody else listens. What is kept of a paused stream comes
 * out before its end is told.
 */
function onMessage(stream: Stream, look: (data: Parameters<Stream['send']>[0]) => void): void {
  const dispatch = stream.dispatchEvent.bind(stream);
  stream.dispatchEvent = (event: Event) => {
    if (event.type === 'message') look((event as MessageEvent).data);
    if (event.type === 'remoteCloseWrite' && stream.readStatus === 'paused') stream.resume();
    return dispatch(event);
  };
}
