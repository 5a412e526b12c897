import { z } from 'zod';
import { itemsMax, links, ownAddress, text, texts, title, x } from './fields.ts';

/** What became of a decision, as its author puts it. */
export const DECISION_STATUS = ['proposed', 'accepted', 'rejected', 'superseded'] as const;

const optionSchema = z.strictObject({ title, pros: texts, cons: texts, chosen: z.boolean() });

/** A decision record as it is hashed and kept: every field is there. */
export const drSchema = z.strictObject({
  kind: z.literal('dr'),
  address: ownAddress,
  title,
  status: z.enum(DECISION_STATUS),
  context: text.describe('What made a decision necessary'),
  options: z.array(optionSchema).max(itemsMax).describe('What was weighed'),
  decision: text,
  rationale: text.describe('Why so'),
  consequences: texts,
  links,
  x,
});

const optionInput = optionSchema.extend({
  pros: texts.default([]),
  cons: texts.default([]),
  chosen: z.boolean().default(false),
});

/** A decision record as it is handed in: what is left out is empty. */
export const drInput = drSchema.extend({
  status: z.enum(DECISION_STATUS).default('proposed'),
  context: drSchema.shape.context.default(''),
  options: z.array(optionInput).max(itemsMax).default([]).describe('What was weighed'),
  decision: text.default(''),
  rationale: drSchema.shape.rationale.default(''),
  consequences: texts.default([]),
  links: links.default([]),
});
