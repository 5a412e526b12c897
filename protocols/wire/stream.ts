/**
 * Request and response over one long-lived libp2p stream, with pushes from the server, and messages
 * without answers: bytes in, bytes out. What the bytes mean is the protocol's matter. Format and
 * limits: docs/protocols/doors.md, section "Streams".
 *
 * @packageDocumentation
 */
export {
  RequestStream,
  type RequestStreamComponents,
  type RequestStreamInit,
} from './stream/client.ts';
export {
  decodeErrorPayload,
  encodeErrorPayload,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  type Frame,
  type FrameKind,
  FrameReader,
} from './stream/frames.ts';
export {
  LINK_DROPPED_METRIC,
  LINK_REFUSED_METRIC,
  type LinkConnections,
  type LinkEvent,
  StreamLink,
  type StreamLinkComponents,
  type StreamLinkInit,
} from './stream/message-link.ts';
export {
  type RequestHandler,
  type RequestServer,
  type RequestServerInit,
  type RequestSession,
  type StreamRegistrar,
  type StreamServerComponents,
  serveRequests,
} from './stream/server.ts';
