import { z } from 'zod';
import { LIMITS } from '../../../protocols/interface/limits.ts';
import { defineRoute } from './define.ts';
import {
  freshness,
  index,
  peer,
  peerInput,
  printable,
  queryInt,
  readQuery,
  time,
  token,
  waitQuery,
  writeState,
  writeView,
} from './fields.ts';

const ANNOUNCED = ['idle', 'busy', 'draining', 'offline'] as const;
const agentStatus = z
  .enum([...ANNOUNCED, 'unreachable', 'retired'])
  .describe('unreachable: its node is silent; retired: by command, until it is enrolled again')
  .meta({ id: 'AgentStatus' });

const tupleField = z.string().min(1).max(LIMITS.tupleFieldBytesMax);
const gpuIndex = z
  .int()
  .min(0)
  .max(LIMITS.gpuSlotsMax - 1);
const capability = z.string().min(1).max(LIMITS.capabilityBytesMax);
const load = z.int().min(0).max(1000).describe('Load in per mille');
const tasks = z.int().min(0).max(1_000_000);

/** One row of `cooee agents --json`; also what `resolve` and `announce` answer. */
export const agentView = z
  .object({
    token,
    number: z.int().min(0).describe('A model on a host'),
    gpuSlot: gpuIndex,
    hash: z.string().describe('SHA-256 of the canonical tuple, hex'),
    tinyHash: z.string().describe('Ten Crockford symbols'),
    address: z.string().describe('ucxl://agentid:TOKEN'),
    model: z.string(),
    hostname: z.string(),
    mac: z.string().describe('12 hex digits'),
    gpuId: z.string().describe('Decimal GPU index'),
    peer,
    capabilities: z.array(z.string()),
    status: agentStatus,
    load: load.nullable(),
    maxTasks: tasks.nullable(),
    tasks: tasks.nullable(),
    lastSeen: time.nullable().describe('null when never announced'),
    source: z
      .literal('dht')
      .optional()
      .describe('Out of the DHT, while the state of this node lags behind the one of the mesh'),
  })
  .meta({ id: 'Agent' });

const agentsView = z
  .object({
    agents: z.array(agentView),
    cursor: z.string().nullable().describe('Give it back for the next page; null on the last'),
  })
  .meta({ id: 'Agents' });

const listQuery = z.strictObject({
  capability: capability.optional().describe('Exact; -, _ and space equal, case-blind'),
  status: agentStatus.optional(),
  model: tupleField.optional().describe('Prefix, case-blind'),
  q: z.string().min(1).max(256).optional().describe('Free text'),
  peer: peer.optional(),
  limit: queryInt(1, LIMITS.listItemsMax).default(LIMITS.listItemsDefault),
  cursor: z.string().min(1).max(256).optional(),
  ...freshness,
});

const enrolment = z
  .strictObject({
    model: tupleField,
    gpuId: gpuIndex.optional().describe('GPU index of the host; 0 when left out'),
    gpuInfo: printable(LIMITS.gpuInfoBytesMax)
      .optional()
      .describe('Free text; stays with the leader'),
  })
  .meta({ id: 'Enrolment' });

/** The body of an enrolment: one agent, or several that go in one sealed request. */
export const enrolBody = z.union([
  enrolment,
  z.strictObject({ models: z.array(enrolment).min(1).max(LIMITS.agentsPerHostMax) }),
]);

const enrolView = z.object({
  id: z.string().describe('Id of the request'),
  state: writeState,
  token: token.optional().describe('Of the first agent, once granted'),
  agents: z
    .array(z.object({ model: z.string(), gpuId: z.string(), token: token.optional() }))
    .describe('In the order of the request'),
  index: index.optional(),
});

const announceBody = z.strictObject({
  status: z.enum(ANNOUNCED).optional(),
  capabilities: z
    .array(capability)
    .max(LIMITS.capabilitiesPerAgentMax)
    .optional()
    .describe('Replaces the whole list'),
  load: load.optional(),
  maxTasks: tasks.optional(),
  tasks: tasks.optional(),
});

const tokenParams = z.strictObject({ token });

const sessionFields = {
  id: z.string(),
  agent: token,
  createdAt: time,
  expiresAt: time,
};

const sessionView = z.object(sessionFields).meta({ id: 'Session' });

/** Routes about agents, and about the tickets of this host's. */
export const agentRoutes = {
  listAgents: defineRoute({
    method: 'GET',
    path: '/v1/agents',
    summary: 'Find agents',
    docs: 'Granted agents, from memory, in the order of their numbers and slots.',
    rights: 'agent',
    query: listQuery,
    response: agentsView,
  }),
  getAgent: defineRoute({
    method: 'GET',
    path: '/v1/agents/{ref}',
    summary: 'Resolve an agent',
    docs:
      '`ref` is a token, a hash, a tiny hash, `number:N` (or `#N`, percent-encoded), or a UCXL ' +
      'address, percent-encoded. A number answers `{agents}`: all slots of that model on its ' +
      'host. What this node does not know while its state lags behind is looked for in the DHT, ' +
      'and has `source`: `dht` then.',
    rights: 'agent',
    params: z.strictObject({ ref: z.string().min(1).max(LIMITS.addressBytesMax) }),
    query: readQuery,
    response: z.union([agentView, z.object({ agents: z.array(agentView) })]),
  }),
  enrolAgents: defineRoute({
    method: 'POST',
    path: '/v1/agents',
    summary: 'Enrol agents of this host',
    docs: 'Sealed to the leader. The same agent gets the same token, for ever.',
    rights: 'operator',
    query: waitQuery,
    body: enrolBody,
    response: enrolView,
    writes: true,
  }),
  retireAgent: defineRoute({
    method: 'DELETE',
    path: '/v1/agents/{token}',
    summary: 'Retire an agent',
    docs: 'Its number is given to no other; enrolling the same agent again brings its token back.',
    rights: 'operator',
    params: tokenParams,
    query: waitQuery,
    response: writeView,
    writes: true,
  }),
  announceAgent: defineRoute({
    method: 'PUT',
    path: '/v1/agents/{token}/status',
    summary: 'Announce what an agent can do and how busy it is',
    docs:
      'What is not given stays. Only for agents of this host; with a ticket, only for its own. ' +
      'Answers the agent.',
    rights: 'agent',
    params: tokenParams,
    body: announceBody,
    response: agentView,
  }),
  rebindAgent: defineRoute({
    method: 'POST',
    path: '/v1/agents/{token}/rebind',
    summary: 'Give the host of an agent to another node',
    docs: 'For admins: after a host got a new identity, its (hostname, MAC) moves to `peer`.',
    rights: 'operator',
    params: tokenParams,
    query: waitQuery,
    body: z.strictObject({ peer: peerInput }),
    response: writeView,
    writes: true,
  }),
  createSession: defineRoute({
    method: 'POST',
    path: '/v1/agents/{token}/session',
    summary: 'Make a ticket for an agent of this host',
    docs:
      'The ticket is shown this once; it is good for 30 days, on this host alone. Send it as ' +
      '`Authorization: Bearer TICKET`: the request acts as that agent.',
    rights: 'operator',
    params: tokenParams,
    response: z
      .object({ ...sessionFields, ticket: z.string().describe('Keep it secret') })
      .meta({ id: 'MadeSession' }),
  }),
  listSessions: defineRoute({
    method: 'GET',
    path: '/v1/sessions',
    summary: 'Tickets that are good',
    docs: 'The oldest first, without the tickets themselves.',
    rights: 'operator',
    response: z.object({ sessions: z.array(sessionView) }),
  }),
  revokeSession: defineRoute({
    method: 'DELETE',
    path: '/v1/sessions/{id}',
    summary: 'Revoke a ticket',
    docs: 'It is refused from now on, and stays so after a restart. Answers the session.',
    rights: 'operator',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    response: sessionView,
  }),
};
