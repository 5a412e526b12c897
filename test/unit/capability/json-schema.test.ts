import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { announcementJsonSchema, announcementSchema } from '../../../protocols/capability/index.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('docs/protocols/capability.md', () => {
  it('has the schema that the code checks', () => {
    expect(JSON.parse(read('docs/schemas/announcement.json'))).toEqual(announcementJsonSchema());
  });

  it('has an example that the code takes', () => {
    const [, json] = /```json\n([^`]+)```/.exec(read('docs/protocols/capability.md')) ?? [];
    expect(announcementSchema.safeParse(JSON.parse(json ?? 'null')).error).toBeUndefined();
  });
});
