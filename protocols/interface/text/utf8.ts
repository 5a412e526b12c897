const utf8 = new TextEncoder();

/** No character of UTF-16 takes more bytes of UTF-8 than this. */
const BYTES_PER_CHARACTER_MAX = 3;

/**
 * Whether a text takes at most so many bytes of UTF-8. Encoded only where its length leaves that
 * open: a text of any size costs nothing to refuse, and a short one nothing to take.
 */
export function isWithinUtf8(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return false;
  if (text.length * BYTES_PER_CHARACTER_MAX <= bytesMax) return true;
  return utf8.encode(text).length <= bytesMax;
}

/**
 * Whether a text comes out of its UTF-8 as it went in: no lone surrogates, and no byte order mark
 * in front, which most decoders swallow.
 */
export function isKeptByUtf8(text: string): boolean {
  return text.isWellFormed() && !text.startsWith('\ufeff');
}
