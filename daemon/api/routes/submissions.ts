import { z } from 'zod';
import { LIMITS } from '../../../protocols/interface/limits.ts';
import { drSchema, submissionInput } from '../../../protocols/submission/schema.ts';
import { defineRoute } from './define.ts';
import {
  freshness,
  index,
  peer,
  queryInt,
  readQuery,
  time,
  token,
  waitQuery,
  writeState,
} from './fields.ts';

const kind = z.enum(['dr']).describe('dr: a decision record');
const id = z.string().min(1).max(128).describe('Content id: CID of content and author');
const address = z.string().describe('UCXL address');

/** How far a submission has come. */
const submissionState = z
  .enum(['accepted', 'committed'])
  .describe('accepted: on the disk of this node, on its way. committed: in the log.')
  .meta({ id: 'SubmissionState' });

const rowFields = {
  id,
  kind,
  address,
  title: z.string(),
  author: z.object({ peer, agent: token.optional() }),
  state: submissionState,
  acceptedAt: time.describe('By the clock of the node that took it'),
  committedAt: time.optional().describe('By the clock of the log, once committed'),
  index: index.optional().describe('Log index, once committed'),
  version: z.int().min(1).optional().describe('Which one at its address, once committed'),
};

/** One row of `cooee submissions --json`. */
export const submissionRow = z.object(rowFields).meta({ id: 'SubmissionRow' });

const listQuery = z.strictObject({
  kind: kind.optional(),
  address: z.string().min(1).max(LIMITS.addressBytesMax).optional().describe('All versions there'),
  author: z.string().min(1).max(128).optional().describe('Peer id or agent token'),
  state: submissionState.optional(),
  limit: queryInt(1, LIMITS.listItemsMax).default(LIMITS.listItemsDefault),
  cursor: z.string().min(1).max(256).optional(),
  ...freshness,
});

/** Routes about submissions. */
export const submissionRoutes = {
  submit: defineRoute({
    method: 'POST',
    path: '/v1/submissions',
    summary: 'Hand in a decision record',
    docs:
      'The body is the record itself; what is left out is empty, the author is filled in. ' +
      'The same content again is the same submission.',
    rights: 'agent',
    query: waitQuery,
    body: submissionInput.meta({ id: 'DecisionRecord' }),
    response: z.object({
      id,
      address,
      state: writeState,
      index: index.optional().describe('Log index, once committed'),
    }),
    writes: true,
  }),
  listSubmissions: defineRoute({
    method: 'GET',
    path: '/v1/submissions',
    summary: 'List submissions',
    docs:
      'The newest first; before them, what this node has accepted and the log does not have ' +
      'yet. With filters a page may be short of its limit, or empty: the list ends where the ' +
      'cursor is null.',
    rights: 'agent',
    query: listQuery,
    response: z.object({
      submissions: z.array(submissionRow),
      cursor: z.string().nullable().describe('Give it back for the next page; null on the last'),
    }),
  }),
  getSubmission: defineRoute({
    method: 'GET',
    path: '/v1/submissions/{id}',
    summary: 'Read a submission',
    docs: 'With its content. What waits in an outbox is known on that node alone.',
    rights: 'agent',
    params: z.strictObject({ id }),
    query: readQuery,
    response: z
      .object({ ...rowFields, content: drSchema.meta({ id: 'Content' }) })
      .meta({ id: 'Submission' }),
  }),
};
