import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import {
  packSubmission,
  SUBMISSION_KINDS,
  submissionInput,
  submissionJsonSchema,
} from '../../../protocols/submission/index.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** The JSON examples of a page that are submissions. */
const examplesIn = (path: string): { kind: string }[] =>
  [...read(path).matchAll(/```json\n([^`]+)```/g)]
    .map(([, json]) => JSON.parse(json ?? 'null') as { kind: string })
    .filter(({ kind }) => kind !== undefined);

describe('docs/schemas', () => {
  it.each(SUBMISSION_KINDS)('has the schema of %s that the code checks', (kind) => {
    expect(JSON.parse(read(`docs/schemas/${kind}.json`))).toEqual(submissionJsonSchema(kind));
  });
});

describe('docs/submissions.md', () => {
  it('has one full example of each kind, which the code takes', () => {
    const examples = examplesIn('docs/submissions.md');
    expect(examples.map(({ kind }) => kind)).toEqual([...SUBMISSION_KINDS]);
    for (const example of examples) {
      const input = submissionInput.parse(example);
      // Full: every field of the schema is in it.
      const fields = Object.keys(submissionJsonSchema(input.kind)['properties'] as object);
      expect(Object.keys(example).sort()).toEqual(fields.sort());
      const { content } = packSubmission(nodeCrypto.sha256, input);
      expect(content.length).toBeGreaterThan(500);
    }
  });
});
