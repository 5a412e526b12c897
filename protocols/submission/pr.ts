import { z } from 'zod';
import { LIMITS } from '../interface/index.ts';
import { blockRef, lineUpTo, links, ownAddress, text, texts, title, x } from './fields.ts';

const refName = lineUpTo(LIMITS.submissionTitleBytesMax);
const countOfTests = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const testsSchema = z.strictObject({
  passed: countOfTests,
  failed: countOfTests,
  log: text.optional().describe('What the run printed'),
});

/** A pull request as it is hashed and kept: every field is there but a patch and `x`. */
export const prSchema = z.strictObject({
  kind: z.literal('pr'),
  address: ownAddress,
  title,
  repository: refName.describe('Where it is to be merged: a URL or a path'),
  base: refName.describe('Branch that it is to be merged into'),
  head: refName.describe('Branch or commit that holds it'),
  summary: text.describe('What it changes, and why'),
  commits: texts.describe('Its commits, the oldest first'),
  diffstat: text.describe('As git diff --stat prints it'),
  patch: blockRef.optional().describe('The patch: a block'),
  tests: testsSchema.describe('How its tests ended'),
  links,
  x,
});

/** A pull request as it is handed in: what is left out is empty. */
export const prInput = prSchema.extend({
  summary: prSchema.shape.summary.default(''),
  commits: prSchema.shape.commits.default([]),
  diffstat: prSchema.shape.diffstat.default(''),
  patch: z
    .string()
    .min(1)
    // The codec counts its bytes: see `text`.
    .meta({ maxLength: LIMITS.submissionPatchBytesMax })
    .optional()
    .describe('The patch as text; it is kept as a block'),
  tests: testsSchema
    .extend({ passed: countOfTests.default(0), failed: countOfTests.default(0) })
    .default({ passed: 0, failed: 0 })
    .describe('How its tests ended'),
  links: links.default([]),
});
