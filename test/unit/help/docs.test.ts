import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../../daemon/api/routes/index.ts';
import { callInput, callJsonSchema } from '../../../protocols/help/index.ts';

// Goal: who writes a call after docs/calls.md writes one that is taken. Its commands are run by
// test/mesh/docs-run.test.ts.

const read = (path: string): string =>
  readFileSync(new URL(`../../../docs/${path}`, import.meta.url), 'utf8');

const [asked, answered] = [...read('calls.md').matchAll(/^```json\n(.*?)^```$/gms)].map(
  ([, json = '']) => JSON.parse(json) as Record<string, unknown>,
);

describe('docs/calls.md', () => {
  it('has an example of a call', () => {
    expect(callInput.parse(asked)).toEqual(asked);
  });

  it('has an example of an answer, with all fields but those of a claim or a refusal', () => {
    const parsed = ROUTES.getCall.response.parse(answered);
    expect(parsed).toEqual(answered);
    const fields = Object.keys(ROUTES.getCall.response.shape);
    const ofOthers = ['claimedBy', 'claimedUntil', 'refusal'];
    const own = fields.filter((it) => !ofOthers.includes(it));
    expect(Object.keys(parsed).sort()).toEqual(own.sort());
  });

  it('explains every field of a call', () => {
    for (const field of Object.keys(callInput.shape)) {
      expect(read('calls.md')).toMatch(new RegExp(`^\\| .*\`${field}\`.* \\|`, 'm'));
    }
  });
});

describe('docs/schemas/call.json', () => {
  it('is the schema that calls are checked against', () => {
    expect(JSON.parse(read('schemas/call.json'))).toEqual(
      JSON.parse(JSON.stringify(callJsonSchema())),
    );
  });
});
