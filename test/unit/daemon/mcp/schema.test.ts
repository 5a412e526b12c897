import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { toToolSchema } from '../../../../daemon/mcp/schema.ts';

// Goal: any validator and any model can read a schema: one piece, no regular expressions.

describe('toToolSchema', () => {
  it('writes definitions out, and leaves out what validators do not share', () => {
    const state = z.enum(['idle', 'busy']).describe('of an agent').meta({ id: 'TestState' });
    const schema = z.strictObject({
      first: state,
      second: z.array(state).describe('all'),
      title: z
        .string()
        .regex(/^\P{Cc}+$/u)
        .optional(),
      index: z.int().min(0),
      few: z.int().max(5),
    });
    expect(toToolSchema(schema)).toEqual({
      type: 'object',
      properties: {
        first: { type: 'string', enum: ['idle', 'busy'], description: 'of an agent' },
        second: {
          type: 'array',
          items: { type: 'string', enum: ['idle', 'busy'], description: 'of an agent' },
          description: 'all',
        },
        title: { type: 'string' },
        index: { type: 'integer', minimum: 0 },
        few: { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: 5 },
      },
      required: ['first', 'second', 'index', 'few'],
      additionalProperties: false,
    });
  });

  it('keeps fields that are called like keywords', () => {
    const names = ['id', 'pattern', '$schema', 'properties'];
    const schema = z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
    const { properties } = toToolSchema(schema) as unknown as { properties: object };
    expect(Object.keys(properties)).toEqual(names);
  });

  it('ends where a definition holds itself', () => {
    const text = JSON.stringify(toToolSchema(z.object({ value: z.json() })));
    expect(text).not.toContain('$ref');
    expect(text).toContain('"items":{}');
  });

  it('describes an answer so that one with more fields fits', () => {
    expect(toToolSchema(z.object({ answer: z.object({}) }))).not.toHaveProperty(
      'additionalProperties',
    );
  });
});
