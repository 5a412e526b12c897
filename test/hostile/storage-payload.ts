/** Small, so that a little disk holds several segments. */
export const SEGMENT_BYTES = 1024 * 1024;

/** Writes of the writer that are under way at once, as in a daemon. */
export const WRITERS_MAX = 4;

/** Files that the writer of files leaves there. */
export const FILES_KEPT = 40;

/** The one vote that was given in a term. */
export const voteIn = (term: number) => ({ term, vote: `candidate-${term % 7}` });

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
