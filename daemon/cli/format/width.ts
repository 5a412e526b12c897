const ZERO_WIDTH = /^\p{M}$/u;
// East Asian Wide and Fullwidth (Unicode Standard Annex 11) in the blocks that names are made of,
// and emoji.
const WIDE = new RegExp(
  '^[' +
    '\\u1100-\\u115F\\u2E80-\\u303E\\u3041-\\u4DBF\\u4E00-\\uA4CF\\uAC00-\\uD7A3\\uF900-\\uFAFF' +
    '\\uFE30-\\uFE6F\\uFF00-\\uFF60\\uFFE0-\\uFFE6\\u{1F300}-\\u{1FAFF}\\u{20000}-\\u{3FFFD}' +
    ']$',
  'u',
);

function symbolWidth(symbol: string): number {
  if (ZERO_WIDTH.test(symbol)) return 0;
  return WIDE.test(symbol) ? 2 : 1;
}

/** How many columns of a terminal the text takes. The text holds no control characters. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const symbol of text) width += symbolWidth(symbol);
  return width;
}

/** The text cut to at most `columns` columns; a cut is shown by an ellipsis. */
export function fitWidth(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const symbol of text) {
    width += symbolWidth(symbol);
    if (width > columns - 1) break;
    kept += symbol;
  }
  return `${kept}…`;
}

/** The text with spaces up to `columns` columns. */
export function padWidth(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)));
}
