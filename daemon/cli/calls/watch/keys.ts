/** A key, a character that was typed, or text that was pasted. */
export type Key =
  | { readonly name: 'backspace' | 'down' | 'enter' | 'escape' | 'interrupt' | 'up' }
  | { readonly name: 'text'; readonly text: string };

const PASTE_BEGIN = '\u001b[200~';
const PASTE_END = '\u001b[201~';
/** So much of it may have come before its last character. */
const PASTE_END_REST = PASTE_END.length - 1;
/** Text that is pasted and never ends is not kept. */
const PASTE_CHARACTERS_MAX = 64 * 1024;

/** Control sequences of ECMA-48 and of function keys. */
const ESCAPE = '\u001b';
const UNKNOWN = new RegExp(`^${ESCAPE}(?:\\[[0-?]*[ -/]*[@-~]|O.)`, 'u');
/** The beginning of one, whose rest is still to come. */
const BEGUN = new RegExp(`^${ESCAPE}\\[[0-?]*[ -/]*$`, 'u');

const SEQUENCES: readonly (readonly [string, Key])[] = [
  ['\u001b[A', { name: 'up' }],
  ['\u001bOA', { name: 'up' }],
  ['\u001b[B', { name: 'down' }],
  ['\u001bOB', { name: 'down' }],
  ['\r', { name: 'enter' }],
  ['\n', { name: 'enter' }],
  ['\u007f', { name: 'backspace' }],
  ['\b', { name: 'backspace' }],
  ['\u0003', { name: 'interrupt' }],
  ['\u0004', { name: 'interrupt' }],
];

/**
 * Turns what a terminal sends into keys. Pasted text is text, whatever is in it: the ends of its
 * lines become spaces and never send an answer.
 */
export class KeyReader {
  #pasted: string | undefined;
  /** The end of the last chunk, when it was cut within a sequence. */
  #begun = '';

  read(chunk: string): readonly Key[] {
    const keys: Key[] = [];
    let rest = this.#begun + chunk;
    this.#begun = '';
    while (rest !== '') {
      rest = this.#pasted === undefined ? this.#next(rest, keys) : this.#paste(rest, keys);
    }
    return keys;
  }

  #next(rest: string, keys: Key[]): string {
    if (BEGUN.test(rest)) {
      this.#begun = rest;
      return '';
    }
    if (rest.startsWith(PASTE_BEGIN)) {
      this.#pasted = '';
      return rest.slice(PASTE_BEGIN.length);
    }
    for (const [sequence, key] of SEQUENCES) {
      if (!rest.startsWith(sequence)) continue;
      keys.push(key);
      return rest.slice(sequence.length);
    }
    // Function keys and the like: nothing here has them.
    const [other = ''] = UNKNOWN.exec(rest) ?? [];
    if (other !== '') return rest.slice(other.length);
    if (rest.startsWith(ESCAPE)) keys.push({ name: 'escape' });
    const [text = ''] = /^\P{Cc}/u.exec(rest) ?? [];
    if (text !== '') keys.push({ name: 'text', text });
    return rest.slice(Math.max(1, text.length));
  }

  #paste(rest: string, keys: Key[]): string {
    // With what is there already: the mark of the end may come in two pieces.
    const all = (this.#pasted ?? '') + rest;
    const end = all.indexOf(PASTE_END);
    if (end === -1) {
      this.#pasted =
        all.slice(0, PASTE_CHARACTERS_MAX) + all.slice(PASTE_CHARACTERS_MAX).slice(-PASTE_END_REST);
      return '';
    }
    const text = all
      .slice(0, Math.min(end, PASTE_CHARACTERS_MAX))
      .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
    this.#pasted = undefined;
    if (text !== '') keys.push({ name: 'text', text });
    return all.slice(end + PASTE_END.length);
  }
}
