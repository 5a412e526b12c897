import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { commandSchema } from '../../../protocols/slurp/machine/codec.ts';
import { blockRef, submissionSchema } from '../../../protocols/submission/schema.ts';
import { plainCheckOf } from '../../../protocols/wire/plain-check.ts';
import { bytesUpTo, cidText, count, nameText } from '../../../protocols/wire/schema.ts';

const CID = `bafyrei${'a'.repeat(52)}`;

/** Schemas, each with a value that is right. */
const CASES: readonly (readonly [string, z.ZodType, unknown])[] = [
  [
    'a command',
    commandSchema,
    {
      id: CID,
      kind: 'submission.commit',
      actor: { peer: `12D3KooW${'a'.repeat(44)}`, agent: '001' },
      timeMs: 5,
      body: { content: new Uint8Array(3), note: ['x'] },
    },
  ],
  [
    'a submission',
    submissionSchema,
    {
      kind: 'pr',
      address: 'ucxl://a:b@c:d/#/e',
      title: 'one line',
      repository: 'r',
      base: 'main',
      head: 'work',
      summary: '',
      commits: ['first'],
      diffstat: '',
      patch: { cid: CID, bytes: 7 },
      tests: { passed: 1, failed: 0 },
      links: [{ rel: 'supersedes', address: 'ucxl://a:b@c:d/#/f' }],
      x: { any: null },
    },
  ],
  ['a block', blockRef, { cid: CID, bytes: 1 }],
  ['a number that is an integer by type', z.strictObject({ n: z.int().max(9) }), { n: 9 }],
  ['a name', nameText, 'Zoë'],
  ['a union', z.union([cidText, count, z.array(z.boolean()).min(1)]), [true]],
  ['bytes', bytesUpTo(2), new Uint8Array(2)],
  ['an exclusive range', z.number().gt(1).lt(2), 1.5],
];

/** What may stand in the place of any part of a value. */
const OTHER = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, '', 'x', '\n', 0, -1, 1.5, Number.NaN, 2 ** 53, true),
  fc.constantFrom<unknown>([], {}, [null], new Uint8Array(9), 'y'.repeat(70_000), 'dr', 'pr'),
  fc.constant(JSON.parse('{"__proto__": 1}') as unknown),
  fc.string({ maxLength: 5 }),
);

/** The value with one part, found by `path`, replaced, left out, or with a field more. */
function bent(value: unknown, path: readonly number[], other: unknown): unknown {
  const isPlain = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
  const [step, ...rest] = path;
  if (!isPlain || step === undefined) return other;
  const keys = Object.keys(value);
  const at = step % (keys.length + 2);
  const copy: unknown = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
  const fields = copy as Record<string, unknown>;
  const key = keys[at];
  if (key !== undefined) fields[key] = bent(fields[key], rest, other);
  else if (Array.isArray(copy)) copy.push(other);
  else if (at === keys.length) fields['extra'] = other;
  else delete fields[keys[0] ?? ''];
  return copy;
}

describe('plainCheckOf', () => {
  it.each(CASES)('takes %s as it is', (_name, schema, value) => {
    expect(plainCheckOf(schema)?.(value)).toBe(true);
    expect(schema.parse(value)).toEqual(value);
  });

  it.each(CASES)('takes nothing for %s that the schema would not', (_name, schema, value) => {
    const check = plainCheckOf(schema);
    let taken = 0;
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 4 }), OTHER, (path, other) => {
        const given = bent(value, path, other);
        if (check?.(given) !== true) return;
        taken++;
        const parsed = schema.safeParse(given);
        expect(parsed.success && parsed.data).toEqual(given);
      }),
      { numRuns: 2_000, examples: [[[], value]] },
    );
    expect(taken).toBeGreaterThan(0);
  });

  it.each([
    ['a default', z.strictObject({ a: z.string().default('') })],
    ['a transformation', z.string().transform((text) => text.length)],
    ['a change of the text', z.string().trim()],
    ['objects with other fields', z.object({ a: z.string() })],
    ['a format', z.email()],
    ['a pattern that remembers', z.string().regex(/a/g)],
    ['a date', z.strictObject({ at: z.date() })],
    ['a check of the whole', z.string().superRefine(() => undefined)],
  ])('does not speak for a schema with %s', (_name, schema) => {
    expect(plainCheckOf(schema)).toBeUndefined();
  });
});
