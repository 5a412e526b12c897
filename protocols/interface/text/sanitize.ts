/**
 * What a terminal acts on instead of showing it (ECMA-48; xterm's control sequences), in its seven
 * and its eight bit form: control sequences (CSI), strings to their end (DCS, SOS, OSC, PM, APC),
 * and other escape sequences. A string without an end loses its beginning alone, so that it hides
 * nothing that follows. What may begin a sequence ends the search for the end of another: it takes
 * linear time.
 */
const CSI = '(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]';
const STRING =
  '(?:\\x1b[PX\\]^_]|[\\x90\\x98\\x9d-\\x9f])' +
  '[^\\x07\\x18\\x1a\\x1b\\x90\\x98\\x9b-\\x9f]*(?:\\x07|\\x1b\\\\|\\x9c)';
const ESCAPE = '\\x1b[ -/]*[0-~]';
const SEQUENCE = new RegExp([CSI, STRING, ESCAPE].join('|'), 'gu');

/**
 * Format characters of Unicode that are seen: they stand around or under the digits that follow
 * (property Prepended_Concatenation_Mark, which regular expressions do not know).
 */
const SEEN = '\\u0600-\\u0605\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u{110bd}\\u{110cd}';

/**
 * What is not seen: controls of direction, zero width (joiners of emoji and of scripts too), tags,
 * variation selectors, fillers, soft hyphens, and code points that will never be characters.
 */
const HIDDEN = `\\p{Cf}\\p{Default_Ignorable_Code_Point}\\p{Noncharacter_Code_Point}`;

const CONTROLS = /(?![\t\n])\p{Cc}/gu;
const UNSEEN = new RegExp(`(?![${SEEN}])[${HIDDEN}]`, 'gu');
const LINE_ENDS = /\r\n|[\u2028\u2029]/gu;
const BREAKS = /[\t\n]+/gu;
// Line feeds stand between the lines of indented JSON; inside of strings they are escaped already.
const JSON_UNSAFE = new RegExp(`(?!\\n)(?![${SEEN}])[\\p{Cc}${HIDDEN}\\u2028\\u2029]`, 'gu');

/**
 * Makes text that somebody else wrote safe to show to a person or to hand to a model, which reads
 * what a person does not see: escape sequences, control characters and everything unseen are
 * removed, lone surrogates replaced by U+FFFD. Line feeds and tabs stay; CR LF and the separators
 * U+2028 and U+2029 become line feeds. What is seen is not changed: nothing is normalised. A joined
 * emoji falls apart into those it is made of, and letters that a joiner held together or apart
 * stand in their plain forms.
 *
 * Doing it twice is doing it once. Takes time in proportion to the length.
 */
export function sanitizeText(text: string): string {
  return text
    .toWellFormed()
    .replace(SEQUENCE, '')
    .replace(LINE_ENDS, '\n')
    .replace(CONTROLS, '')
    .replace(UNSEEN, '');
}

/** {@link sanitizeText} on one line: line breaks and tabs become one space, ends are trimmed. */
export function sanitizeLine(text: string): string {
  return sanitizeText(text).replace(BREAKS, ' ').trim();
}

/**
 * A copy of a JSON value with {@link sanitizeText} done to every text in it, names of fields too:
 * for answers that a program hands to a model as they are. Of two names that become the same the
 * later one counts.
 */
export function sanitizeValue<T>(value: T): T {
  return sanitized(value) as T;
}

function sanitized(value: unknown): unknown {
  if (typeof value === 'string') return sanitizeText(value);
  if (Array.isArray(value)) return value.map(sanitized);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [sanitizeText(name), sanitized(item)]),
  );
}

/**
 * JSON for stdout: what could steer a terminal is written as `\uXXXX`, so a parser reads the very
 * same value and a person who looks at it is not deceived.
 */
export function toSafeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(JSON_UNSAFE, (found) => {
    let escaped = '';
    for (let i = 0; i < found.length; i += 1) {
      escaped += `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`;
    }
    return escaped;
  });
}
