import { z } from 'zod';
import { CooeeError } from '../../../protocols/interface/index.ts';
import { type AgentView, ROUTES } from '../../api/routes/index.ts';
import { defineTool } from '../tool.ts';
import type { Parts, Written } from '../untrusted.ts';
import { NOT_FOR_MODELS, pageSize } from './fields.ts';

const { announceAgent, getAgent, listAgents } = ROUTES;

/** What an agent is called and can do is what its own node says. */
const byItsNode = (agent: AgentView): Written => ({
  author: `agent ${agent.token} on node ${agent.peer}`,
  value: agent,
});

/** Tools about agents. */
export const agentTools = [
  defineTool({
    name: 'cooee_announce',
    title: 'Announce an agent',
    description:
      'Say what an agent of this host can do and how busy it is, so that others find it. What is ' +
      'left out stays as it was; capabilities that are given replace the whole list. Say it ' +
      'again when it changes; the daemon keeps it alive in between.',
    annotations: {
      readOnlyHint: false,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
    input: announceAgent.body.extend({
      token: announceAgent.params.shape.token
        .optional()
        .describe('Token of the agent; left out: the one that this server acts as'),
    }),
    answer: announceAgent.response,
    run: async ({ client, ownToken, signal }, { token: given, ...body }) => {
      const token = given ?? (await ownToken());
      if (token === undefined) {
        throw new CooeeError('ERR_API_BODY', 'token: it is not known which agent is meant', {
          details: { part: 'arguments', path: 'token' },
          remedy: 'Give the token of an agent of this host, or start cooee mcp with a ticket.',
        });
      }
      return await client.call('announceAgent', { params: { token }, body, signal });
    },
  }),
  defineTool({
    name: 'cooee_discover',
    title: 'Find agents',
    description:
      'Find agents of the mesh by capability, status, model or free text. Without filters: all, ' +
      'a page at a time; give `cursor` back for the next page.',
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: listAgents.query.omit(NOT_FOR_MODELS).extend({ limit: pageSize }),
    answer: listAgents.response,
    parts: ({ agents, cursor }) => ({ written: agents.map(byItsNode), own: { cursor } }),
    run: ({ client, signal }, query) => client.call('listAgents', { query, signal }),
  }),
  defineTool({
    name: 'cooee_resolve',
    title: 'Resolve an agent',
    description:
      'What an agent token, hash, tiny hash, number (`#7`) or UCXL address stands for: the ' +
      'agent, or all agents of a number.',
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: z.strictObject({
      ref: getAgent.params.shape.ref.describe('458RV, a hash, #7, or ucxl://agentid:458RV'),
    }),
    answer: getAgent.response,
    parts: (answer): Parts => ({
      written: ('agents' in answer ? answer.agents : [answer]).map(byItsNode),
    }),
    run: ({ client, signal }, params) => client.call('getAgent', { params, signal }),
  }),
];
