import { displayWidth } from './width.ts';

/**
 * The text in lines of at most so many columns, broken at spaces; a word that is longer stands on a
 * line of its own, whole, since people copy ids and paths.
 */
export function wrapWidth(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (line !== '' && displayWidth(joined) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = joined;
    }
  }
  return [...lines, line];
}
