import { z } from 'zod';
import { LIMITS } from '../../../protocols/interface/limits.ts';

/** Parts of queries that are for programs: every tool answers what its own writes have brought. */
export const NOT_FOR_MODELS = { minIndex: true, consistency: true } as const;

/** How many items a list gives: fewer than the API does, since a model reads them all. */
export const pageSize = z
  .int()
  .min(1)
  .max(LIMITS.mcpListItemsMax)
  .default(LIMITS.mcpListItemsDefault)
  .describe('Items in the answer at most');

/** How long a tool may wait: less than clients give an answer. */
export const waitMs = z.int().min(0).max(LIMITS.mcpWaitMsMax);

/** Whether a write is answered when it is committed, and how long that is waited for. */
export const writeFields = {
  wait: z
    .boolean()
    .default(true)
    .describe('Answer when it is in the log; false: as soon as it is safe on this node'),
  timeoutMs: waitMs
    .default(LIMITS.waitMsDefault)
    .describe('How long to wait; then the answer has the state reached, and it goes on by itself'),
};

/** The query of a write. */
export function writeQuery(input: { readonly wait: boolean; readonly timeoutMs: number }) {
  const { wait, timeoutMs } = input;
  return wait ? ({ wait: 'committed', timeoutMs } as const) : {};
}
