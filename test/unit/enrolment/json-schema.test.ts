import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { claimJsonSchema, claimSchema } from '../../../protocols/enrolment/index.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('docs/protocols/enrolment.md', () => {
  it('has the schema that the code checks', () => {
    expect(JSON.parse(read('docs/schemas/enrolment-claim.json'))).toEqual(claimJsonSchema());
  });

  it('has an example that the code takes', () => {
    const [, json] = /```json\n([^`]+)```/.exec(read('docs/protocols/enrolment.md')) ?? [];
    const example = JSON.parse(json ?? 'null');
    for (const agent of example.agents) {
      agent.hash = new Uint8Array(Buffer.from(agent.hash, 'base64'));
    }
    expect(claimSchema.safeParse(example).error).toBeUndefined();
  });
});
