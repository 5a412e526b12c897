import { z } from 'zod';
import { ROUTES } from '../../api/routes/index.ts';
import { defineTool } from '../tool.ts';

/** Tools about this node. */
export const statusTools = [
  defineTool({
    name: 'cooee_status',
    title: 'State of the node',
    description:
      'The state of this node and its mesh: role, leader, peers, agents, what waits to be ' +
      'committed, and conditions with what to do about them. Ask it first when something fails.',
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: z.strictObject({}),
    answer: ROUTES.getStatus.response,
    // Names that members gave themselves stand in the sentences of conditions.
    parts: ({ health: { ok, conditions }, ...own }) => ({
      written: conditions.map(({ code, text }) => ({
        author: 'members of the mesh',
        value: { code, text },
      })),
      own: { ...own, health: { ok, conditions: conditions.map(({ text: _, ...it }) => it) } },
    }),
    run: ({ client, signal }) => client.call('getStatus', { signal }),
  }),
  defineTool({
    name: 'cooee_why',
    title: 'Why a thing is as it is',
    description:
      'Explains one thing from what this node has seen: why a submission or a call waits or ' +
      'was refused, why an agent or a member is not there. Ask it instead of trying again blindly.',
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: ROUTES.getWhy.query,
    answer: ROUTES.getWhy.response,
    // Names of members and humans, models, and messages of other nodes stand in the sentences.
    parts: ({ text, because, ...own }) => ({
      written: [{ author: 'members of the mesh', value: { text, because } }],
      own,
    }),
    run: ({ client, signal }, query) => client.call('getWhy', { query, signal }),
  }),
];
