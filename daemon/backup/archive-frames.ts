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
  let rest: Uint8Array = new Uint8Array(0);
  /** What came behind the rest, put to it at once: each time it would be copied anew. */
  let more: Uint8Array[] = [];
  let missing = LENGTH_BYTES;
  for await (const chunk of chunks) {
    more.push(chunk);
    missing -= chunk.length;
    if (missing > 0) continue;
    rest = Buffer.concat([rest, ...more]);
    more = [];
    for (let end = frameEnd(rest); rest.length >= end; end = frameEnd(rest)) {
      yield decodeArchiveFrame(rest.slice(LENGTH_BYTES, end));
      rest = rest.subarray(end);
    }
    missing = frameEnd(rest) - rest.length;
  }
  if (rest.length > 0 || more.length > 0) throw damagedBackup('it ends too early');
}

/** Where the first frame ends, as far as that can be told. */
function frameEnd(bytes: Uint8Array): number {
  if (bytes.length < LENGTH_BYTES) return LENGTH_BYTES;
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getUint32(0);
  if (length > FRAME_BYTES_MAX) throw damagedBackup('it has a part that is too long');
  return LENGTH_BYTES + length;
}
