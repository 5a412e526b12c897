import { decode, encode } from '@ipld/dag-cbor';
import {
  CooeeError,
  type ErrorDetails,
  isCooeeError,
  isErrorCode,
  LIMITS,
} from '../../interface/index.ts';

/**
 * What a frame is. `cancel` tells the server that nobody waits for the answer any more; `push`
 * comes from the server unasked and has id 0.
 */
export const FRAME_KIND = { request: 1, response: 2, error: 3, push: 4, cancel: 5 } as const;

/** One of {@link FRAME_KIND}. */
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];

/** One message on a stream. */
export interface Frame {
  readonly kind: FrameKind;
  /** Correlation id, 1 … 2^32-1, chosen by the client; 0 for a push. */
  readonly id: number;
  readonly payload: Uint8Array;
}

/** Kind and id, which the length counts too. */
const BODY_HEADER_BYTES = 5;
/** Length, kind, id. */
export const FRAME_HEADER_BYTES = 4 + BODY_HEADER_BYTES;
/** An error travels in at most this many bytes. */
const ERROR_BYTES_MAX = 4096;
const ERROR_TEXT_CHARS_MAX = 512;
const ERROR_DETAILS_MAX = 16;

const isFrameKind = (kind: number): kind is FrameKind => kind >= 1 && kind <= 5;

/**
 * The bytes of a frame: length of what follows (4 bytes, big-endian), kind (1 byte), id (4 bytes,
 * big-endian), payload.
 *
 * @throws CooeeError ERR_WIRE_TOO_LARGE when the payload is over LIMITS.streamMessageBytesMax
 */
export function encodeFrame(frame: Frame): Uint8Array {
  assertSize(frame.payload.byteLength);
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + frame.payload.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, BODY_HEADER_BYTES + frame.payload.byteLength);
  view.setUint8(4, frame.kind);
  view.setUint32(5, frame.id);
  bytes.set(frame.payload, FRAME_HEADER_BYTES);
  return bytes;
}

function assertSize(payloadBytes: number): void {
  if (payloadBytes <= LIMITS.streamMessageBytesMax) return;
  throw new CooeeError('ERR_WIRE_TOO_LARGE', undefined, {
    details: { bytes: payloadBytes, bytesMax: LIMITS.streamMessageBytesMax },
  });
}

/** A buffer that is this much larger than what it holds is given back. */
const IDLE_BYTES = 64 * 1024;
const NOTHING = new Uint8Array();

/**
 * Cuts a byte stream into frames. A length over the limit is refused before anything of that size
 * is kept. What waits for the rest of its frame stands in memory of its own, of at most twice its
 * size: of a frame that comes byte by byte each byte would else keep the packet that it came in.
 */
export class FrameReader {
  #bytes: Uint8Array = NOTHING;
  /** Where in `#bytes` that begins which was not read yet, and where it ends. */
  #at = 0;
  #end = 0;
  /** Whether `#bytes` is memory of its own; else it is a chunk as it came. */
  #isOwn = false;

  /** Bytes that wait for the rest of their frame. */
  get #pendingBytes(): number {
    return this.#end - this.#at;
  }

  /** Adds what arrived. It must not be changed before {@link next} gives undefined. */
  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    if (this.#pendingBytes === 0) {
      this.#use(chunk, chunk.byteLength, false);
      return;
    }
    const isRoom = this.#isOwn && this.#end + chunk.byteLength <= this.#bytes.byteLength;
    if (!isRoom) this.#own(this.#roomFor(chunk.byteLength));
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.byteLength;
  }

  /**
   * The next whole frame, or undefined when more bytes are needed.
   *
   * @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED; nothing can be read after either
   */
  next(): Frame | undefined {
    const waiting = this.#bytes.subarray(this.#at, this.#end);
    const isHeader = waiting.byteLength >= FRAME_HEADER_BYTES;
    const size = isHeader ? FRAME_HEADER_BYTES + readPayloadLength(waiting) : undefined;
    if (size === undefined || waiting.byteLength < size) {
      this.#settle();
      return undefined;
    }
    this.#at += size;
    return parseFrame(waiting.subarray(0, size));
  }

  /** No whole frame is left: what waits may wait for long. */
  #settle(): void {
    const pendingBytes = this.#pendingBytes;
    if (pendingBytes === 0) this.#use(NOTHING, 0, false);
    else if (!this.#isOwn || this.#bytes.byteLength > 2 * pendingBytes + IDLE_BYTES) {
      this.#own(pendingBytes);
    }
  }

  /**
   * Twice as much as there is: or a frame that comes in small pieces would be copied for each. Not
   * more than its frame, with what comes now: who keeps that keeps all of the buffer.
   */
  #roomFor(bytes: number): number {
    const pendingBytes = this.#pendingBytes;
    const least = pendingBytes + bytes;
    if (pendingBytes < FRAME_HEADER_BYTES) return least;
    const size = FRAME_HEADER_BYTES + readPayloadLength(this.#bytes.subarray(this.#at, this.#end));
    return Math.max(least, Math.min(size, 2 * pendingBytes));
  }

  #own(roomBytes: number): void {
    const own = new Uint8Array(roomBytes);
    own.set(this.#bytes.subarray(this.#at, this.#end));
    this.#use(own, this.#pendingBytes, true);
  }

  #use(bytes: Uint8Array, end: number, isOwn: boolean): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = end;
    this.#isOwn = isOwn;
  }
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function readPayloadLength(bytes: Uint8Array): number {
  const length = viewOf(bytes).getUint32(0) - BODY_HEADER_BYTES;
  if (length < 0) throw new CooeeError('ERR_WIRE_MALFORMED', 'A frame is shorter than its header.');
  assertSize(length);
  return length;
}

function parseFrame(bytes: Uint8Array): Frame {
  const view = viewOf(bytes);
  const kind = view.getUint8(4);
  if (!isFrameKind(kind)) {
    throw new CooeeError('ERR_WIRE_MALFORMED', 'A frame is of no known kind.', {
      details: { kind },
    });
  }
  // A copy: the buffer behind a view may be megabytes that the small payload would keep alive.
  return {
    kind,
    id: view.getUint32(5),
    payload: new Uint8Array(bytes.subarray(FRAME_HEADER_BYTES)),
  };
}

/**
 * An error as it crosses a stream: canonical dag-cbor `{code, details, message}`. Anything that is
 * not ours is told as ERR_API_INTERNAL without its text, which may hold paths or secrets.
 */
export function encodeErrorPayload(error: unknown): Uint8Array {
  const ours = isCooeeError(error) ? error : new CooeeError('ERR_API_INTERNAL');
  const message = ours.message.slice(0, ERROR_TEXT_CHARS_MAX);
  const payload = encode({ code: ours.code, details: boundedDetails(ours.details), message });
  return payload.byteLength <= ERROR_BYTES_MAX ? payload : encode({ code: ours.code, message });
}

/**
 * The error that a peer sent. Bounded; a code that this program does not know (a newer peer's)
 * becomes ERR_API_INTERNAL with the code in its details.
 *
 * @throws CooeeError ERR_WIRE_MALFORMED when the payload is not an error
 */
export function decodeErrorPayload(payload: Uint8Array): CooeeError {
  const fields = decodeFields(payload);
  const code = fields['code'];
  const message = fields['message'];
  if (typeof code !== 'string' || typeof message !== 'string') throw malformedError();
  const details = boundedDetails(fields['details']);
  const text = message.slice(0, ERROR_TEXT_CHARS_MAX);
  if (isErrorCode(code)) return new CooeeError(code, text, { details });
  return new CooeeError('ERR_API_INTERNAL', text, {
    details: { ...details, remoteCode: code.slice(0, 64) },
    remedy: 'Upgrade COOEE on this host: the other node knows an error that this one does not.',
  });
}

function decodeFields(payload: Uint8Array): Record<string, unknown> {
  if (payload.byteLength > ERROR_BYTES_MAX) throw malformedError();
  try {
    const value: unknown = decode(payload);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw malformedError(cause);
  }
  throw malformedError();
}

const malformedError = (cause?: unknown): CooeeError =>
  new CooeeError('ERR_WIRE_MALFORMED', 'The other node sent an error that cannot be read.', {
    cause,
  });

function boundedDetails(value: unknown): ErrorDetails {
  if (typeof value !== 'object' || value === null) return {};
  const details: Record<string, string | number | boolean | null> = {};
  for (const [key, field] of Object.entries(value).slice(0, ERROR_DETAILS_MAX)) {
    if (key === '__proto__' || key.length > 64) continue;
    if (typeof field === 'string') details[key] = field.slice(0, ERROR_TEXT_CHARS_MAX);
    else if (field === null || typeof field === 'boolean') details[key] = field;
    else if (Number.isSafeInteger(field)) details[key] = field as number;
  }
  return details;
}
