import { z } from 'zod';
import { type HistoryView, type RecordView, ROUTES } from '../../api/routes/index.ts';
import { defineTool } from '../tool.ts';
import { answererName, authorName, type Parts, type Written } from '../untrusted.ts';
import { NOT_FOR_MODELS, pageSize } from './fields.ts';

const { getHistory, getRecord } = ROUTES;

const author = z.object({
  peer: z.string(),
  agent: z.string().optional(),
  human: z.string().optional(),
});

/** Where a record says who wrote it; all kinds together. */
const signed = z.object({
  author: author.optional().catch(undefined),
  asker: author.optional().catch(undefined),
  peer: z.string().optional().catch(undefined),
});

/** A call that is answered, and a submission that is decided: of two hands. */
const answered = z.looseObject({ answer: z.looseObject({ by: author.nullable() }) });
const decided = z.looseObject({ decision: z.looseObject({ by: author }) });

/** Who wrote what stands in a record. */
function authorOf(value: unknown): string {
  const { author, asker, peer } = signed.safeParse(value).data ?? {};
  const who = author ?? asker ?? (peer === undefined ? undefined : { peer });
  return who === undefined ? 'a member of the mesh' : authorName(who);
}

/** A record taken apart by who wrote it. */
export function recordParts({ value, ...own }: RecordView): Parts {
  return { written: valueWritten(value), own };
}

/** What the author of a record wrote and, by itself, what somebody else answered or decided. */
function valueWritten(value: unknown): Written[] {
  const call = answered.safeParse(value).data;
  if (call !== undefined) {
    const { answer, ...asked } = call;
    return [
      { author: authorOf(asked), value: asked },
      { author: answererName(answer.by), value: { answer } },
    ];
  }
  const submission = decided.safeParse(value).data;
  if (submission === undefined) return [{ author: authorOf(value), value }];
  const { decision, ...handedIn } = submission;
  return [
    { author: authorOf(handedIn), value: handedIn },
    { author: authorName(decision.by), value: { decision } },
  ];
}

function versionWritten({ value, ...version }: HistoryView['versions'][number]): Written[] {
  if (version.id !== undefined) return [{ author: `author of ${version.id}`, value: version }];
  // What the daemon says of the version goes with each part of it.
  return valueWritten(value).map((part) => ({ ...part, value: { ...version, value: part.value } }));
}

/** Tools about everything that has an address. */
export const recordTools = [
  defineTool({
    name: 'cooee_get',
    title: 'Read a record',
    description:
      'Read the record at a UCXL address: an agent, submission, call, member, enrolment or the ' +
      'leader. The temporal part picks a version: `#` now, `~~2` two versions back, `*~1` ' +
      'the first.',
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: getRecord.query.omit(NOT_FOR_MODELS),
    answer: getRecord.response,
    parts: recordParts,
    run: ({ client, signal }, query) => client.call('getRecord', { query, signal }),
  }),
  defineTool({
    name: 'cooee_history',
    title: 'History of a record',
    description:
      'The versions of the record at a UCXL address, the newest first. With `walk` (relations ' +
      'such as `influenced-by`, or `any`): the records that its links lead to instead.',
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: getHistory.query.omit(NOT_FOR_MODELS).extend({
      limit: pageSize,
      walk: z
        .string()
        .min(1)
        .max(256)
        .optional()
        .describe('Relations to follow, separated by commas; any: all of them'),
    }),
    answer: getHistory.response,
    parts: ({ versions, links, ...own }): Parts => ({
      written: [
        ...versions.flatMap(versionWritten),
        ...(links ?? []).map((link) => ({ author: 'authors of the linking records', value: link })),
      ],
      own,
    }),
    run: ({ client, signal }, query) => client.call('getHistory', { query, signal }),
  }),
];
