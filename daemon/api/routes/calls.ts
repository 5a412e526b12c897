import { z } from 'zod';
import {
  answerText,
  callInput,
  humanName,
  policySchema,
  severitySchema,
} from '../../../protocols/help/schema.ts';
import { CALL_STATES } from '../../../protocols/interface/index.ts';
import { LIMITS } from '../../../protocols/interface/limits.ts';
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

const id = z.string().min(1).max(128).describe('Id of the command that opened the call');
const address = z.string().describe('UCXL address');
const human = z.object({ human: z.string(), peer }).describe('A human, and the node they act at');
const fence = z.int().min(1).describe('Which claim of the call it is');

const callState = z
  .enum(['accepted', 'refused', ...CALL_STATES])
  .describe(
    'accepted: on the disk of this node, on its way. refused: not taken; `refusal` says why. ' +
      'open: nobody works on it. claimed: somebody does. answered, expired, withdrawn: final.',
  )
  .meta({ id: 'CallState' });

const rowFields = {
  id,
  address,
  asker: z.object({ peer, agent: token.optional() }),
  question: z.string(),
  options: z.array(z.string()).describe('Answers that the asker suggests'),
  severity: severitySchema,
  state: callState,
  deadline: time.describe('By the clock of the log'),
  onTimeout: policySchema,
  escalations: z.int().min(0).describe('How often its deadline passed and it was escalated'),
  openedAt: time.describe('By the clock of the log; of its node, before it is committed'),
  index: index.optional().describe('Log index, once committed'),
  claimedBy: human.optional().describe('Who works on it'),
  claimedUntil: time.optional().describe('When that lapses'),
  fence: fence.optional().describe('The number of the last claim, once there was one'),
  answer: z.string().optional(),
  answeredBy: human.nullable().optional().describe('null: its policy'),
  answeredAt: time.optional().describe('By the clock of the log'),
  refusal: z
    .object({ code: z.string(), message: z.string(), at: time, index: index.optional() })
    .optional()
    .describe('Why it was refused; known on the node that it was handed to'),
};

/** One row of `cooee calls --json`. */
export const callRow = z.object(rowFields).meta({ id: 'CallRow' });

const writeFields = {
  id,
  address,
  state: writeState,
  index: index.optional().describe('Log index, once committed'),
};

const listQuery = z.strictObject({
  state: z
    .enum([...callState.options, 'active'])
    .optional()
    .describe('active: open or claimed'),
  asker: z.string().min(1).max(128).optional().describe('Peer id or agent token'),
  severity: severitySchema.optional(),
  limit: queryInt(1, LIMITS.listItemsMax).default(LIMITS.listItemsDefault),
  cursor: z.string().min(1).max(256).optional(),
  ...freshness,
});

const params = z.strictObject({ id });
const holder = humanName
  .optional()
  .describe('Who holds the call; whoever does at this node, without it');

/** Routes about calls for human help. */
export const callRoutes = {
  openCall: defineRoute({
    method: 'POST',
    path: '/v1/calls',
    summary: 'Call a human',
    docs:
      'Its state, answer and versions stand at its address. The asker is filled in: the node, ' +
      'and the agent that acts.',
    rights: 'agent',
    query: waitQuery,
    body: callInput.meta({ id: 'CallInput' }),
    response: z.object(writeFields),
    writes: true,
  }),
  listCalls: defineRoute({
    method: 'GET',
    path: '/v1/calls',
    summary: 'List calls',
    docs:
      'The newest first; before them, what this node has accepted and the log does not have ' +
      'yet. A page may be short of its limit, or with filters empty: the list ends where the ' +
      'cursor is null.',
    rights: 'agent',
    query: listQuery,
    response: z.object({
      calls: z.array(callRow),
      cursor: z.string().nullable().describe('Give it back for the next page; null on the last'),
    }),
  }),
  getCall: defineRoute({
    method: 'GET',
    path: '/v1/calls/{id}',
    summary: 'Read a call',
    docs: 'With its context. What waits in an outbox, or was refused, is known on that node alone.',
    rights: 'agent',
    params,
    query: readQuery,
    response: z
      .object({ ...rowFields, context: z.string(), default: z.string().optional() })
      .meta({ id: 'Call' }),
  }),
  claimCall: defineRoute({
    method: 'POST',
    path: '/v1/calls/{id}/claim',
    summary: 'Take a call',
    docs:
      'Of all who claim at once one has it; the others are told who. A claim counts for 15 ' +
      'minutes. `fence` goes with the answer.',
    rights: 'operator',
    params,
    query: waitQuery,
    body: z.strictObject({ by: humanName }),
    response: z.object({
      ...writeFields,
      fence: fence.optional().describe('Once committed'),
      claimedUntil: time.optional().describe('Once committed'),
    }),
    writes: true,
  }),
  releaseCall: defineRoute({
    method: 'POST',
    path: '/v1/calls/{id}/release',
    summary: 'Give a call back',
    docs: 'Open to others again.',
    rights: 'operator',
    params,
    query: waitQuery,
    body: z.strictObject({ fence, by: holder }),
    response: z.object(writeFields),
    writes: true,
  }),
  answerCall: defineRoute({
    method: 'POST',
    path: '/v1/calls/{id}/answer',
    summary: 'Answer a call',
    docs:
      'By who holds it, with the fence of their claim, and before the deadline by the clock of ' +
      'the log. Final.',
    rights: 'operator',
    params,
    query: waitQuery,
    body: z.strictObject({ fence, text: answerText, by: holder }),
    response: z.object(writeFields),
    writes: true,
  }),
  withdrawCall: defineRoute({
    method: 'POST',
    path: '/v1/calls/{id}/withdraw',
    summary: 'Withdraw a call',
    docs: 'By the agent that asked, or on its node.',
    rights: 'agent',
    params,
    query: waitQuery,
    response: z.object(writeFields),
    writes: true,
  }),
};
