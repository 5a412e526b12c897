/** Small, so that a little disk holds several segments. */
export const SEGMENT_BYTES = 1024 * 1024;

/** 4 KiB that only `n` has, and that do not compress (xorshift32, Marsaglia 2003). */
export function payload(n: number): Uint8Array {
  const words = new Uint32Array(1024);
  let state = (n * 2654435761) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state >>> 0;
  }
  return new Uint8Array(words.buffer);
}
