import { sanitizeLine, sanitizeText } from './sanitize.ts';

/** How much of an author's name is shown. */
const AUTHOR_CHARS_MAX = 256;

/**
 * Wraps text that somebody else wrote for a model, as data with its author:
 *
 * ```text
 * <untrusted author="agent 458RV">
 * what the author wrote, with &lt; for every less-than sign
 * </untrusted>
 * ```
 *
 * The text goes through {@link sanitizeText}, and `&` and `<` in it are written as `&amp;` and
 * `&lt;`: it holds no less-than sign, so it can neither end the wrapper nor begin one, and nothing
 * is lost. Call it once for each text by itself, with whoever wrote that text; never wrap what is
 * wrapped, and write nothing of your own inside.
 *
 * For a JSON value pass `JSON.stringify(sanitizeValue(value))`: JSON writes escape sequences as
 * `\u001b…`, where {@link sanitizeText} does not see them any more.
 *
 * @param text - as the author wrote it, not sanitized and not escaped
 * @param author - who wrote it, as the mesh knows it (`agent 458RV`, a peer id, a human's name)
 */
export function asUntrusted(text: string, author: string): string {
  const name = escapeMarkup(sanitizeLine(author.slice(0, AUTHOR_CHARS_MAX)));
  const quoted = name.replaceAll('"', '&quot;');
  return `<untrusted author="${quoted}">\n${escapeMarkup(sanitizeText(text))}\n</untrusted>`;
}

function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
