import type { Stream, StreamHandler } from '@libp2p/interface';
import type { Registrar } from '@libp2p/interface-internal';
import { LIMITS } from '../../../protocols/interface/index.ts';
import { withPart } from './with-part.ts';

/**
 * What a peer may bring on one stream of a protocol of libp2p's own that has an end: several times
 * what a member does, who opens another one for its next question.
 */
export const STREAM_BYTES_MAX = {
  /** One is 32 bytes long. */
  ping: 4 * 1024,
  /** The largest question brings a record. */
  dht: 2 * LIMITS.dhtRecordBytesMax,
} as const;

/**
 * Components of a libp2p node for a service that gets so many bytes of each stream that a peer
 * opens to it. What is more ends the stream: the DHT's reader keeps up to 4 MiB of each until a
 * message is complete, and ping all that it could not send back yet. Neither has a setting for it.
 */
export function boundedStreams<T extends { readonly registrar: Registrar }>(
  components: T,
  bytesMax: number,
): T {
  const { registrar } = components;
  const handle: Registrar['handle'] = async (protocol, handler, options) => {
    const bounded: StreamHandler = (stream, connection) => {
      bound(stream, bytesMax);
      return handler(stream, connection);
    };
    await registrar.handle(protocol, bounded, options);
  };
  const own = new Proxy(registrar, {
    get: (target, property) => {
      if (property === 'handle') return handle;
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return withPart(components, 'registrar', own);
}

/** First of those that hear of what comes. */
function bound(stream: Stream, bytesMax: number): void {
  let left = bytesMax;
  stream.addEventListener('message', ({ data }) => {
    left -= data.byteLength;
    if (left < 0) stream.abort(new Error('more than a stream of this protocol may bring'));
  });
}
