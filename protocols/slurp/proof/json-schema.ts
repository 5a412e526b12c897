import { z } from 'zod';
import { proofSchema } from './proof.ts';

/** JSON Schema of a proof's file: docs/schemas/proof.json. */
export const proofJsonSchema = (): object => ({
  ...z.toJSONSchema(proofSchema),
  title: 'Proof',
});
