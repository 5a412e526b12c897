import { z } from 'zod';
import { ROUTES, type SubmissionRow } from '../../api/routes/index.ts';
import { defineTool } from '../tool.ts';
import { authorName, type Parts, type Written } from '../untrusted.ts';
import { NOT_FOR_MODELS, pageSize, writeFields, writeQuery } from './fields.ts';

const { getSubmission, listSubmissions, submit } = ROUTES;
const [dr, pr] = submit.body.options;

/** What the author wrote, and what a curator decided. */
function submissionWritten({ decision, ...row }: SubmissionRow): Written[] {
  const handedIn = { author: authorName(row.author), value: row };
  if (decision === undefined) return [handedIn];
  return [handedIn, { author: authorName(decision.by), value: { id: row.id, decision } }];
}

/** Handed in twice it is one, and nothing that was there goes away. */
const HANDS_IN = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

const AFTERWARDS =
  'Answers its id and how far it is: `accepted` is safe on this node and goes on by itself, ' +
  '`committed` is in the log of the mesh. The same content again is the same submission.';

/** Tools about work that is handed in. */
export const submissionTools = [
  defineTool({
    name: 'cooee_submit_dr',
    title: 'Submit a decision record',
    description: [
      'Hand in a decision record: what was decided, why, and what else was weighed.',
      AFTERWARDS,
    ].join(' '),
    annotations: HANDS_IN,
    input: dr.omit({ kind: true }).extend(writeFields),
    answer: submit.response,
    run: ({ client, signal }, { wait, timeoutMs, ...record }) => {
      const body = { kind: 'dr', ...record } as const;
      return client.call('submit', { query: writeQuery({ wait, timeoutMs }), body, signal });
    },
  }),
  defineTool({
    name: 'cooee_submit_pr',
    title: 'Submit a pull request',
    description: [
      'Hand in a pull request that is to be merged: where it is, what it changes, and its tests.',
      AFTERWARDS,
    ].join(' '),
    annotations: HANDS_IN,
    input: pr.omit({ kind: true }).extend(writeFields),
    answer: submit.response,
    run: ({ client, signal }, { wait, timeoutMs, ...record }) => {
      const body = { kind: 'pr', ...record } as const;
      return client.call('submit', { query: writeQuery({ wait, timeoutMs }), body, signal });
    },
  }),
  defineTool({
    name: 'cooee_submissions',
    title: 'Submissions',
    description:
      'List what was handed in, the newest first, a page at a time (give `cursor` back for the ' +
      'next page). With `id`: that submission alone, with its content and how far it is.',
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: listSubmissions.query.omit(NOT_FOR_MODELS).extend({
      limit: pageSize,
      id: getSubmission.params.shape.id.optional(),
    }),
    answer: z.union([getSubmission.response, listSubmissions.response]),
    parts: (answer): Parts => {
      if (!('submissions' in answer)) return { written: submissionWritten(answer) };
      const { submissions, cursor } = answer;
      return { written: submissions.flatMap(submissionWritten), own: { cursor } };
    },
    run: ({ client, signal }, { id, ...query }) =>
      id === undefined
        ? client.call('listSubmissions', { query, signal })
        : client.call('getSubmission', { params: { id }, signal }),
  }),
];
