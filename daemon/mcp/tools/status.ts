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
    run: ({ client, signal }) => client.call('getStatus', { signal }),
  }),
];
