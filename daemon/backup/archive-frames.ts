import {
  type ArchiveFrame,
  damagedBackup,
  decodeArchiveFrame,
  FRAME_BYTES_MAX,
  LENGTH_BYTES,
} from './archive-codec.ts';

/**
 * Cuts a stream of bytes into frames; holds one frame at the most, beside the chunk that came last.
 *
 * @throws CooeeError ERR_BACKUP_DAMAGED when it ends within a frame, or a frame is not one of ours
 */
export async function* readFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveFrame> {
  let rest = new Uint8Array(0);
  for await (const chunk of chunks) {
    rest = joined(rest, chunk);
    for (let length = bodyLength(rest); length !== undefined; length = bodyLength(rest)) {
      const end = LENGTH_BYTES + length;
      if (rest.length < end) break;
      yield decodeArchiveFrame(rest.slice(LENGTH_BYTES, end));
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) throw damagedBackup('it ends too early');
}

function bodyLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getUint32(0);
  if (length > FRAME_BYTES_MAX) throw damagedBackup('it has a part that is too long');
  return length;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
