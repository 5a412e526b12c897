import { z } from 'zod';
import { humanName } from '../../../protocols/help/schema.ts';
import { LIMITS } from '../../../protocols/interface/limits.ts';
import {
  blockRef,
  decisionFields,
  drInput,
  drSchema,
  LINK_RELATIONS,
  prInput,
  prSchema,
  SUBMISSION_KINDS,
} from '../../../protocols/submission/schema.ts';
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

export { submissionJsonSchema } from '../../../protocols/submission/schema.ts';

const kind = z.enum(SUBMISSION_KINDS).describe('dr: a decision record. pr: a pull request.');
const id = z.string().min(1).max(128).describe('Content id: CID of content and author');
const address = z.string().describe('UCXL address');
const human = z.string().min(1).max(64).describe('Name of the person who decided');
const version = z.int().min(1);

/** How far a submission has come. */
const submissionState = z
  .enum(['accepted', 'relayed', 'committed', 'decided', 'refused'])
  .describe(
    'accepted: on the disk of this node, on its way. relayed: a leader has it. ' +
      'committed: in the log. decided: a curator decided. refused: not taken; `refusal` says why.',
  )
  .meta({ id: 'SubmissionState' });

const decision = z
  .object({
    ...{ as: z.string(), why: z.string(), at: time, index },
    by: z.object({ peer, human: human.optional() }).describe('The node, and the person there'),
    version: version.describe('Which decision on this submission it is'),
  })
  .meta({ id: 'Decision' });

const rowFields = {
  id,
  kind,
  address,
  title: z.string(),
  author: z.object({ peer, agent: token.optional() }),
  state: submissionState,
  acceptedAt: time.describe('By the clock of the node that took it'),
  relayedAt: time.optional().describe('While a leader has it and this node not: when it took it'),
  committedAt: time.optional().describe('By the clock of the log, once committed'),
  index: index.optional().describe('Log index, once committed'),
  version: version.optional().describe('Which one at its address, once committed'),
  unresolved: z.int().optional().describe('Links whose target was not there at the commit'),
  decision: decision.optional().describe('The decision in force'),
  supersededBy: id.optional().describe('The submission that took its place'),
  refusal: z
    .object({ code: z.string(), message: z.string(), at: time, index: index.optional() })
    .optional()
    .describe('Why it was refused; known on the node that it was handed to'),
};

/** One row of `cooee submissions --json`. */
export const submissionRow = z.object(rowFields).meta({ id: 'SubmissionRow' });

const link = z.object({
  rel: z.enum(LINK_RELATIONS),
  address,
  state: z.enum(['resolved', 'unresolved']).describe('Whether its target is there now'),
  id: id.optional().describe('The submission that stands there'),
});

const content = z
  .discriminatedUnion('kind', [
    drSchema.meta({ id: 'DecisionRecordContent' }),
    prSchema.meta({ id: 'PullRequestContent' }),
  ])
  .meta({ id: 'Content' });

const listQuery = z.strictObject({
  kind: kind.optional(),
  address: z.string().min(1).max(LIMITS.addressBytesMax).optional().describe('All versions there'),
  author: z.string().min(1).max(128).optional().describe('Peer id or agent token'),
  state: submissionState.optional().describe('Refused ones are listed with `refused` alone'),
  limit: queryInt(1, LIMITS.listItemsMax).default(LIMITS.listItemsDefault),
  cursor: z.string().min(1).max(256).optional(),
  ...freshness,
});

/** Routes about submissions. */
export const submissionRoutes = {
  submit: defineRoute({
    method: 'POST',
    path: '/v1/submissions',
    summary: 'Hand in a decision record or a pull request',
    docs:
      'The body is the record itself; what is left out is empty, the author is filled in. ' +
      'The same content again is the same submission.',
    rights: 'agent',
    query: waitQuery,
    body: z.discriminatedUnion('kind', [
      drInput.meta({ id: 'DecisionRecord' }),
      prInput.meta({ id: 'PullRequest' }),
    ]),
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
    docs:
      'With its content. What waits in an outbox or was refused is known on that node alone; ' +
      'a refused one is shown without its content.',
    rights: 'agent',
    params: z.strictObject({ id }),
    query: readQuery,
    response: z
      .object({
        ...rowFields,
        content: content.optional(),
        links: z.array(link).optional().describe('Its links, and what they lead to now'),
        decisions: z.array(decision).optional().describe('The last 16, the newest first'),
      })
      .meta({ id: 'Submission' }),
  }),
  getPatch: defineRoute({
    method: 'GET',
    path: '/v1/submissions/{id}/patch',
    summary: 'Read the patch of a pull request',
    docs: 'It is fetched from another member when it is not here yet.',
    rights: 'agent',
    params: z.strictObject({ id }),
    query: readQuery,
    response: z.object({ id, ...blockRef.shape, patch: z.string() }).meta({ id: 'Patch' }),
  }),
  decideSubmission: defineRoute({
    method: 'POST',
    path: '/v1/submissions/{id}/decision',
    summary: 'Decide a submission',
    docs:
      'For curators. The first decision stands: the same again changes nothing, another is ' +
      'refused with ERR_SUBMISSION_DECIDED unless `replaces` names the version of that in force.',
    rights: 'operator',
    params: z.strictObject({ id }),
    query: waitQuery,
    body: z.strictObject({
      ...decisionFields,
      by: humanName.optional(),
      replaces: version.optional().describe('Version of the decision to put this one in place of'),
    }),
    response: z
      .object({ id, state: writeState, index: index.optional(), decision: decision.optional() })
      .meta({ id: 'Decided' }),
    writes: true,
  }),
};
