import { z } from 'zod';
import { LIMITS } from '../../../protocols/interface/limits.ts';
import { defineRoute } from './define.ts';
import { freshness, index, queryInt, time } from './fields.ts';

const asked = z
  .string()
  .min(1)
  .max(LIMITS.addressBytesMax)
  .describe('UCXL address of any kind, also a short form; its temporal part picks the version');
const address = z.string().describe('Canonical UCXL address');
const version = z.int().min(1).describe('Which one at its address, from 1');
const code = z.string().describe('Error code: why not');

const versionFields = {
  version,
  index: index.describe('Log index of the entry that made it'),
  time: time.describe('The agreed time of that entry'),
  cause: z.string().describe('What happened then: noun:verb'),
};

const recordView = z
  .object({
    address,
    kind: z.string().describe('agent, call, enrolment, leader, member, submission'),
    ...versionFields,
    versions: z.int().min(1).describe('How many there are'),
    value: z.json(),
  })
  .meta({ id: 'Record' });

const versionView = z
  .object({
    ...versionFields,
    address: address.optional().describe('In a walk: whose version it is'),
    depth: z.int().min(0).optional().describe('In a walk: steps from the start'),
    problem: code.optional().describe('In a walk: error code; why its links could not be read'),
    id: z.string().optional().describe('Content id, of a submission'),
    title: z.string().optional(),
    value: z.json().optional().describe('The record; not of submissions: read those by their id'),
  })
  .meta({ id: 'RecordVersion' });

const place = z.object({ address, version });

const linkView = z
  .object({
    from: place,
    rel: z.string(),
    address: z.string().describe('As its author wrote it'),
    to: place.optional().describe('What it names now; absent when it names nothing'),
    problem: code.optional().describe('Why it names nothing'),
  })
  .meta({ id: 'WalkedLink' });

const historyQuery = z.strictObject({
  address: asked,
  limit: queryInt(1, LIMITS.listItemsMax).default(LIMITS.listItemsDefault),
  cursor: z.string().min(1).max(32).optional(),
  walk: z
    .union([z.string().min(1).max(256), z.array(z.string().max(64)).max(16)])
    .optional()
    .describe('Relations to follow, several separated by commas; any: all'),
  ...freshness,
});

/** Routes about everything that has an address. */
export const recordRoutes = {
  getRecord: defineRoute({
    method: 'GET',
    path: '/v1/records',
    summary: 'Read the record at an address',
    docs:
      'What an address of any kind names: docs/ucxl.md. `~~N` and `*~N` give the record as it ' +
      'was then; `ERR_RECORDS_VERSION` tells in `details.versions` how many there are.',
    rights: 'agent',
    query: z.strictObject({ address: asked, ...freshness }),
    response: recordView,
  }),
  getHistory: defineRoute({
    method: 'GET',
    path: '/v1/history',
    summary: 'List the versions of a record, or walk along its links',
    docs:
      'The newest first, from the version that the address names. With `walk=` the record of ' +
      'the address and what its links lead to instead, breadth first, at most `limit` records; ' +
      '`links` are the steps, `cut` says which bound ended the walk.',
    rights: 'agent',
    query: historyQuery,
    response: z.object({
      address,
      versions: z.array(versionView),
      links: z.array(linkView).optional(),
      cut: z.enum(['depth', 'count']).optional(),
      cursor: z.string().nullable().describe('Give it back for the next page; null on the last'),
    }),
  }),
};
