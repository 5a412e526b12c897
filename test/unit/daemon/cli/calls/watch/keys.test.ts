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
