import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { drInput, drJsonSchema, encodeContent } from '../../../protocols/submission/index.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('docs/protocols/submission.md', () => {
  it('has the schema that the code checks', () => {
    expect(JSON.parse(read('docs/schemas/dr.json'))).toEqual(drJsonSchema());
  });

  it('has an example that the code takes', () => {
    const [, json] = /```json\n([^`]+)```/.exec(read('docs/protocols/submission.md')) ?? [];
    const example = drInput.parse(JSON.parse(json ?? 'null'));
    expect(encodeContent(example).length).toBeGreaterThan(500);
  });
});
