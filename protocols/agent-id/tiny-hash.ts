import { CooeeError } from '../interface/index.ts';
import { foldSymbols, readSymbols, writeSymbols } from './crockford.ts';

/** Symbols of a tiny hash: 48 bits, and two leading zero bits. */
const TINY_HASH_SYMBOLS = 10;

const LEADING_ONE = 2 ** 50;
const BITS_MAX = 2 ** 48;

/**
 * The tiny hash of a hash: its first 6 bytes as a big-endian number in 10 Crockford symbols. A
 * short name to type, not proof against somebody who searches for a second tuple with the same one.
 *
 * @param hash 64 lower-case hex digits
 * @throws CooeeError ERR_AGENT_ID_RANGE when it is no such hash
 */
export function tinyHashOf(hash: string): string {
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw new CooeeError('ERR_AGENT_ID_RANGE', 'A hash has 64 lower-case hex digits.');
  }
  return writeSymbols(Number.parseInt(hash.slice(0, 12), 16), TINY_HASH_SYMBOLS);
}

/**
 * Reads a tiny hash as a person types it (case and I L O folded, hyphens ignored) and gives its
 * canonical form.
 *
 * @throws CooeeError ERR_AGENT_ID_SYMBOL (details.position), ERR_AGENT_ID_LENGTH,
 *   ERR_AGENT_ID_RANGE (over 48 bits)
 */
export function parseTinyHash(text: string): string {
  const read = readSymbols(text);
  if (read < 0) {
    throw new CooeeError('ERR_AGENT_ID_SYMBOL', undefined, { details: { position: -1 - read } });
  }
  if (read < LEADING_ONE) {
    throw new CooeeError('ERR_AGENT_ID_LENGTH', 'A tiny hash has 10 symbols.', {
      details: { symbols: foldSymbols(text).length },
    });
  }
  if (read - LEADING_ONE >= BITS_MAX) {
    throw new CooeeError('ERR_AGENT_ID_RANGE', 'A tiny hash begins with 0-7.');
  }
  return writeSymbols(read - LEADING_ONE, TINY_HASH_SYMBOLS);
}
