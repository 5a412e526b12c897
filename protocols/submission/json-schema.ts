import { z } from 'zod';
import { drInput } from './schema.ts';

/** The JSON Schema (2020-12) of a decision record, as in docs/schemas/dr.json. */
export function drJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(drInput, { io: 'input' }), title: 'Decision record' };
}
