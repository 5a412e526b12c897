import { z } from 'zod';
import { LIMITS } from '../../../protocols/interface/limits.ts';
import { defineRoute } from './define.ts';
import { index, peer, queryInt, time } from './fields.ts';

const base64 = z.string().describe('base64');

const actorView = z.object({
  peer,
  agent: z.string().optional().describe('Agent token'),
  human: z.string().optional(),
});

/** One entry of the log, taken apart. */
export const logEntryView = z
  .object({
    index,
    term: z.int().min(1),
    time: time.describe('The agreed time of the entry'),
    origin: peer.describe('The node that made and signed the commands'),
    commands: z.array(
      z.object({
        id: z.string(),
        kind: z.string(),
        actor: actorView,
        time: time.describe('By the clock of the origin'),
        body: z.json().describe('As the kind has it; bytes are base64'),
      }),
    ),
  })
  .meta({ id: 'LogEntry' });

const proofView = z
  .object({
    v: z.literal(1),
    kind: z.literal('cooee-proof'),
    mesh: z.string(),
    index,
    entry: base64,
    path: z.array(base64),
    head: base64,
    links: z.array(base64),
    genesis: base64.optional(),
  })
  .meta({ id: 'Proof' });

/** How far a verification has come; goes back into the next request as it is. */
const frontier = z.object({
  from: z.int().min(1).describe('The first entry that was looked at'),
  size: z.int().min(0).describe('Entries verified so far'),
  peaks: z.array(z.string().max(44)).max(53).describe('Their Merkle frontier, base64'),
});

/** Routes about the log itself: the audit. */
export const logRoutes = {
  readLog: defineRoute({
    method: 'GET',
    path: '/v1/log',
    summary: 'Read the log',
    docs:
      'Committed entries from `from` on, as applied here. A page ends early when it is large or ' +
      'when a filter had to look at many entries: go on at `next` until that is null. Entries ' +
      'before `firstIndex` are compacted.',
    rights: 'agent',
    query: z.strictObject({
      from: queryInt(1, Number.MAX_SAFE_INTEGER).optional().describe('Default: the first kept'),
      limit: queryInt(1, LIMITS.listItemsMax).default(LIMITS.listItemsDefault),
      actor: z.string().min(1).max(128).optional().describe('Peer id or agent token'),
      kind: z
        .string()
        .min(1)
        .max(32)
        .optional()
        .describe('A kind of command, or a family: agent.*; one that no entry has is refused'),
    }),
    response: z.object({
      entries: z.array(logEntryView),
      next: z.int().min(1).nullable(),
      firstIndex: z.int().min(1),
      lastIndex: index,
    }),
  }),
  getProof: defineRoute({
    method: 'GET',
    path: '/v1/proof/{index}',
    summary: 'Prove an entry of the log to somebody outside',
    docs:
      'The answer is a file for `cooee verify`, which needs no daemon: ' +
      'docs/protocols/proofs.md. With `anchor=` (the log index of what the reader trusts) the ' +
      'links up to there are left out.',
    rights: 'agent',
    params: z.strictObject({ index: queryInt(1, Number.MAX_SAFE_INTEGER) }),
    query: z.strictObject({ anchor: queryInt(0, Number.MAX_SAFE_INTEGER).default(0) }),
    response: proofView,
  }),
  verifyLog: defineRoute({
    method: 'POST',
    path: '/v1/log/verify',
    summary: 'Verify the log on the disk of this node, a step further',
    docs:
      'Reads a few thousand entries from the disk and checks their places, the signatures of ' +
      'their batches, and at the end their Merkle root against the signed head. Begin without a ' +
      'body, and send `verified` of each answer with the next request until `done` or `problem`.',
    rights: 'operator',
    body: z.strictObject({ verified: frontier.optional() }),
    bodyOptional: true,
    response: z.object({
      verified: frontier,
      done: z.boolean(),
      head: z.object({ index, signatures: z.int().min(1) }).optional(),
      problem: z.object({ index, code: z.string(), text: z.string() }).optional(),
    }),
  }),
};
