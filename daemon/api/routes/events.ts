import { z } from 'zod';
import { LIMITS } from '../../../protocols/interface/limits.ts';
import { defineRoute } from './define.ts';
import { index, time } from './fields.ts';

/** One event as it stands in the `data:` line of the stream. */
export const eventView = z
  .object({
    id: z.string().describe('<boot>-<seq>'),
    type: z.string().describe('noun:verb, e.g. member:join'),
    time,
    index: index.optional().describe('Log index, when the event is a committed one'),
    address: z.string().optional().describe('UCXL address of what it is about'),
    data: z.json(),
  })
  .meta({ id: 'Event' });

/** What an `event: gap` says: events may have been missed; read the state anew. */
export const gapView = z
  .object({
    reason: z
      .enum(['expired', 'restart', 'slow'])
      .describe('expired: no longer held. restart: of another boot. slow: the reader lagged.'),
  })
  .meta({ id: 'Gap' });

/** Routes for watching. */
export const eventRoutes = {
  watchEvents: defineRoute({
    method: 'GET',
    path: '/v1/events',
    summary: 'Watch what happens',
    docs:
      'Server-sent events. `Last-Event-ID` (or `since=`) resumes; a hole is an explicit ' +
      '`event: gap`. `match=` is a UCXL pattern (`ucxl://…`) or an event type (`member:join`, ' +
      '`member:*`); several are separated by commas. A type that this daemon never publishes is ' +
      'refused with those that there are.',
    rights: 'agent',
    kind: 'events',
    query: z.strictObject({
      match: z.string().min(1).max(LIMITS.addressBytesMax).optional(),
      since: z.string().max(64).optional().describe('Same as the header Last-Event-ID'),
      sinceIndex: z.coerce
        .number<string | number>()
        .int()
        .min(0)
        .optional()
        .describe('Log index of the last entry of which all events came; resumes over a restart'),
    }),
    response: eventView,
  }),
};
