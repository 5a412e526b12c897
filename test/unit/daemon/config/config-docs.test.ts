/**
 * docs/config.md tells every setting as it is. Method: the rows of its table are held against the
 * schema that the daemon checks the file with.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configSchema, parseConfig } from '../../../../daemon/config/config.ts';

interface Field {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly items?: Field;
  readonly anyOf?: readonly Field[];
}

const page = readFileSync(new URL('../../../../docs/config.md', import.meta.url), 'utf8');
const fields = Object.entries(
  z.toJSONSchema(configSchema, { io: 'input' }).properties as Record<string, Field>,
);
const rows = [...page.matchAll(/^\| `(\w+)` *\| (.*?) *\| (.*?) *\| (.*?) *\|$/gm)]
  .map(([, name = '', values = '', standard = '']) => ({ name, values, standard }))
  .filter(({ name }) => !/^[A-Z_]+$/.test(name));

/** The bounds that a person must be told; of multiaddrs only how many. */
function boundsOf(name: string, field: Field): readonly (number | string | undefined)[] {
  const item = name === 'listen' ? undefined : field.items;
  return [
    ...(field.enum ?? []),
    field.minimum,
    field.maximum,
    field.minItems,
    field.maxItems,
    field.minLength,
    field.maxLength,
    item?.minLength,
    item?.maxLength,
    ...(field.anyOf ?? []).map((one) => one.maxLength),
  ].filter((bound) => bound !== undefined);
}

describe('docs/config.md', () => {
  it('lists the settings of the schema, all and in its order', () => {
    expect(rows.map(({ name }) => name)).toEqual(fields.map(([name]) => name));
  });

  it.each(fields)('tells default and range of %s', (name, field) => {
    const row = rows.find((one) => one.name === name);
    const standard = field.default === undefined ? 'none' : `\`${JSON.stringify(field.default)}\``;
    expect(row?.standard).toBe(standard);
    for (const bound of boundsOf(name, field)) {
      expect(row?.values).toMatch(new RegExp(`(?<![\\w])${bound}(?![\\w])`));
    }
  });

  it('has a chapter on the meaning of each setting', () => {
    const chapters = [...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(chapters).toEqual(fields.map(([name]) => name));
  });

  it('shows an example that the daemon takes', () => {
    const example = /^```json\n(.*?)^```$/ms.exec(page)?.[1];
    expect(parseConfig(example)).toMatchObject({ mdns: false, agentGroup: 'agents' });
  });
});
