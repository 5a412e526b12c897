import { z } from 'zod';
import { type ResponseOf, ROUTES } from '../../api/routes/index.ts';
import { defineTool } from '../tool.ts';
import { answererName, authorName, type Parts, type Written } from '../untrusted.ts';
import { waitForCall } from './call-wait.ts';
import { NOT_FOR_MODELS, pageSize, waitMs } from './fields.ts';

const { getCall, listCalls, openCall } = ROUTES;

type CallRow = ResponseOf<'listCalls'>['calls'][number];

/** What the asker wrote, and what a human answered. */
function callWritten({ answer, answeredBy, ...call }: CallRow): Written[] {
  const asked = { author: authorName(call.asker), value: call };
  if (answer === undefined) return [asked];
  const author = answererName(answeredBy ?? null);
  return [asked, { author, value: { id: call.id, answer, answeredBy } }];
}

/** Tools about calls for human help. */
export const callTools = [
  defineTool({
    name: 'cooee_call_human',
    title: 'Call a human',
    description:
      'Ask a human: when something is dangerous, or needs a decision, a secret or a hand that ' +
      'only a human has. Say in `context` all that they need to know. Answers the call; with ' +
      '`waitMs` once it is settled, or as it is when that time is over: it stays open then, and ' +
      'cooee_call_status with its id tells what became of it. Taking this request back does not ' +
      'withdraw the call.',
    annotations: {
      readOnlyHint: false,
      destructiveHint: false,
      idempotentHint: false,
      openWorldHint: true,
    },
    input: openCall.body.safeExtend({
      waitMs: waitMs.default(0).describe('How long to wait for the answer'),
    }),
    answer: getCall.response,
    parts: (call): Parts => ({ written: callWritten(call) }),
    run: async (context, { waitMs: lengthMs, ...body }) => {
      const { client, signal, report } = context;
      const query = { wait: 'committed' } as const;
      const { id } = await client.call('openCall', { query, body, signal });
      report(`Call ${id} is open. cooee_call_status with that id tells what became of it.`);
      return await waitForCall(context, { id, lengthMs, isNew: true });
    },
  }),
  defineTool({
    name: 'cooee_call_status',
    title: 'Calls for human help',
    description:
      'What became of a call, by its `id`; with `waitMs` it is answered once the call is settled' +
      ', or when that time is over. Without `id`: the calls, the newest first, a page at a time; ' +
      'give `cursor` back for the next page.',
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: listCalls.query.omit(NOT_FOR_MODELS).extend({
      limit: pageSize,
      id: getCall.params.shape.id.optional(),
      waitMs: waitMs.default(0).describe('With `id`: how long to wait until it is settled'),
    }),
    answer: z.union([getCall.response, listCalls.response]),
    parts: (answer): Parts => {
      if (!('calls' in answer)) return { written: callWritten(answer) };
      return { written: answer.calls.flatMap(callWritten), own: { cursor: answer.cursor } };
    },
    run: async (context, { id, waitMs: lengthMs, ...query }) => {
      const { client, signal } = context;
      if (id === undefined) return await client.call('listCalls', { query, signal });
      return await waitForCall(context, { id, lengthMs });
    },
  }),
];
