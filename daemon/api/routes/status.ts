import { z } from 'zod';
import { defineRoute } from './define.ts';
import { index, memberRole, peer } from './fields.ts';
import { votersTarget } from './members.ts';

const conditionView = z
  .object({
    code: z.string().describe('Stable, kebab-case'),
    severity: z.enum(['info', 'warn', 'error']),
    text: z.string(),
    remedy: z.string(),
  })
  .meta({ id: 'Condition' });

const nodeView = z.object({
  peer,
  name: z.string(),
  version: z.string(),
  home: z.string(),
  socket: z.string().describe('Path of the operator socket'),
  agentSocket: z.string().describe('Path of the agent socket'),
  addresses: z.array(z.string()).describe('Multiaddrs that this node listens on'),
});

const followerView = z.object({
  peer,
  isLearner: z.boolean(),
  lagEntries: z.int().min(0).describe('Entries of the leader that it has not acknowledged'),
  silentMs: z.int().min(0).nullable().describe('Since its last answer; null before the first'),
});

const slurpView = z.object({
  leader: peer.nullable().describe('null while there is none'),
  isLeader: z.boolean(),
  epoch: z.int().min(0).describe('Rises with each recovery of a lost majority'),
  term: z.int().min(0),
  commitIndex: index,
  appliedIndex: index,
  voters: z.array(peer),
  learners: z.array(peer).describe('On their way to a vote'),
  followers: z
    .array(followerView)
    .describe('On the leader: how far the other voters and the learners are; else empty'),
});

/** What `cooee status --json` prints. */
export const statusView = z
  .object({
    node: nodeView,
    mesh: z.object({
      id: z.string(),
      name: z.string(),
      level: z.int().min(0),
      votersTarget,
    }),
    role: z.enum(['voter', 'replica', 'joining']),
    memberRole: memberRole.nullable().describe('null while joining'),
    slurp: slurpView,
    peers: z.object({ connected: z.int().min(0), members: z.int().min(0) }),
    agents: z.object({
      here: z.int().min(0).describe('Granted agents of this host'),
      mesh: z.int().min(0).describe('Granted agents of the mesh'),
    }),
    outbox: z.object({ waiting: z.int().min(0) }),
    health: z.object({ ok: z.boolean(), conditions: z.array(conditionView) }),
  })
  .meta({ id: 'Status' });

/** Routes about this node as a whole. */
export const statusRoutes = {
  getStatus: defineRoute({
    method: 'GET',
    path: '/v1/status',
    summary: 'State of this node',
    docs: 'Node, mesh, role, leader, indices, peers, outbox and health conditions.',
    rights: 'agent',
    response: statusView,
  }),
};
