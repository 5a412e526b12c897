import { z } from 'zod';
import { claimSchema } from './codec.ts';

/**
 * The JSON Schema (2020-12) of a claim, as in docs/schemas/enrolment-claim.json. Byte strings are
 * shown in base64.
 */
export function claimJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(claimSchema, {
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type !== 'custom') return;
      jsonSchema.type = 'string';
      jsonSchema.contentEncoding = 'base64';
    },
  });
  return { ...schema, title: 'Enrolment claim' };
}
