import { expect, it } from 'vitest';
import { KeyReader } from '../../../../../../daemon/cli/calls/watch/keys.ts';

// Goal: what a terminal sends is what was pressed; nothing that is pasted acts.

const read = (...chunks: readonly string[]) => {
  const reader = new KeyReader();
  return chunks.flatMap((chunk) =>
    reader.read(chunk).map((key) => (key.name === 'text' ? key.text : `<${key.name}>`)),
  );
};

it.each([
  ['\u001b[A\u001bOB', ['<up>', '<down>']],
  ['ab\r', ['a', 'b', '<enter>']],
  ['é😀', ['é', '😀']],
  ['\u007f\b\u001b', ['<backspace>', '<backspace>', '<escape>']],
  ['\u0003\u0004', ['<interrupt>', '<interrupt>']],
  ['\u001b[5~\u001b[1;5Dq\u001bOP', ['q']],
  ['\t\u0000x', ['x']],
])('%j', (chunk, keys) => {
  expect(read(chunk)).toEqual(keys);
});

it('pasted text is one text, over chunks, and its line ends send nothing', () => {
  const pasted = ['\u001b[200~yes\r', 'and\nq\u001b[A\u001b[201~\r'];
  expect(read(...pasted)).toEqual(['yes and q [A', '<enter>']);
});

it('a paste ends also when the mark of its end comes in two pieces', () => {
  const pasted = '\u001b[200~yes\u001b[201~';
  // Not after the first character: escape alone is the key of that name.
  for (let at = 2; at < pasted.length; at += 1) {
    const keys = read(pasted.slice(0, at), pasted.slice(at), '\u0003');
    expect(keys, String(at)).toEqual(['yes', '<interrupt>']);
  }
});

it('a paste that is too long ends, too, and is cut', () => {
  const part = 'x'.repeat(60_000);
  const keys = read(`\u001b[200~${part}`, part, `${part}\u001b[2`, '01~', '\u0003');
  expect(keys.map((key) => key.length)).toEqual([64 * 1024, '<interrupt>'.length]);
});

it('a key whose sequence comes in two pieces is that key', () => {
  expect(read('\u001b[', 'A', '\u001b[1;', '5Dq')).toEqual(['<up>', 'q']);
});
