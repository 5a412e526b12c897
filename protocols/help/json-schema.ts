import { z } from 'zod';
import { callInput } from './schema.ts';

/** The JSON Schema (2020-12) of a call as it is handed in, as in docs/schemas/call.json. */
export function callJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(callInput, { io: 'input' }), title: 'Call for help' };
}
