import { stripVTControlCharacters } from 'node:util';

// Unicode's own classes: format characters (bidirectional controls, zero width, tags) and code
// points that are to be ignored by default (fillers, variation selectors, soft hyphen).
const HIDDEN = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
const CONTROL = /(?![\t\n])\p{Cc}/gu;
const BREAKS = /[\t\n]+/gu;
const LINE_SEPARATORS = /[\u2028\u2029]/gu;
// Line feeds stand between the lines of indented JSON; inside of strings they are escaped already.
const JSON_UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu;

/**
 * Makes text that came from another node safe to show on a terminal: escape sequences, control
 * characters, bidirectional controls and zero-width characters are removed, lone surrogates
 * replaced. Line breaks stay.
 */
export function sanitizeText(text: string): string {
  return stripVTControlCharacters(text.toWellFormed().replaceAll('\r\n', '\n'))
    .replace(CONTROL, '')
    .replace(HIDDEN, '')
    .replace(LINE_SEPARATORS, '\n');
}

/** {@link sanitizeText} on one line: line breaks and tabs become one space, ends are trimmed. */
export function sanitizeLine(text: string): string {
  return sanitizeText(text).replace(BREAKS, ' ').trim();
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
