/** The 32 symbols of Crockford Base32 in the order of their values: no I, L, O, U. */
export const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The most symbols that {@link readSymbols} counts: 50 bits, a tiny hash. */
const SYMBOLS_READ_MAX = 10;

const BAD = -1;
const HYPHEN = -2;

/**
 * Character code -> value 0-31, {@link HYPHEN} or {@link BAD}. ASCII only, so no Unicode folding
 * can sneak in.
 */
const VALUES = buildValues();

function buildValues(): Int8Array {
  const values = new Int8Array(128).fill(BAD);
  const set = (text: string, value: number): void => {
    values[text.toUpperCase().charCodeAt(0)] = value;
    values[text.toLowerCase().charCodeAt(0)] = value;
  };
  for (let value = 0; value < SYMBOLS.length; value += 1) set(SYMBOLS.charAt(value), value);
  set('I', 1);
  set('L', 1);
  set('O', 0);
  set('-', HYPHEN);
  return values;
}

function valueAt(text: string, position: number): number {
  const code = text.charCodeAt(position);
  return code < VALUES.length ? (VALUES[code] ?? BAD) : BAD;
}

/**
 * Reads symbols as one big-endian number **behind a leading 1 bit**, so that one number tells value
 * and length without an allocation: n symbols give a result in [32^n, 2 * 32^n). Folds case and I L
 * O, ignores hyphens.
 *
 * @returns the number; 0 when there are more than ten symbols; `-1 - position` at the first bad
 *   symbol
 */
export function readSymbols(text: string): number {
  let value = 1;
  let count = 0;
  for (let position = 0; position < text.length; position += 1) {
    const symbol = valueAt(text, position);
    if (symbol >= 0) {
      count += 1;
      if (count <= SYMBOLS_READ_MAX) value = value * 32 + symbol;
    } else if (symbol === BAD) {
      return -1 - position;
    }
  }
  return count <= SYMBOLS_READ_MAX ? value : 0;
}

/** Writes the number as `count` symbols, most significant first. */
export function writeSymbols(value: number, count: number): string {
  let text = '';
  let rest = value;
  for (let written = 0; written < count; written += 1) {
    const next = Math.floor(rest / 32);
    text = SYMBOLS.charAt(rest - next * 32) + text;
    rest = next;
  }
  return text;
}

/**
 * The text as its symbols would be written: upper case, I and L as 1, O as 0, hyphens left out.
 * What is no symbol becomes `?`, one for each character.
 */
export function foldSymbols(text: string): string {
  let folded = '';
  for (const character of text) {
    const value = character.length === 1 ? valueAt(character, 0) : BAD;
    if (value !== HYPHEN) folded += value === BAD ? '?' : SYMBOLS.charAt(value);
  }
  return folded;
}
