import { z } from 'zod';
import { LIMITS } from '../../../protocols/interface/limits.ts';
import { defineRoute } from './define.ts';
import {
  index,
  memberRole,
  peer,
  peerInput,
  printable,
  readQuery,
  time,
  waitQuery,
  writeView,
} from './fields.ts';

const HOUR_MS = 60 * 60 * 1000;
const YEAR_MS = 365 * 24 * HOUR_MS;

/** One row of `cooee members --json`. */
export const memberView = z
  .object({
    peer,
    name: z.string(),
    role: memberRole,
    state: z
      .enum(['alive', 'suspect', 'unreachable', 'left'])
      .describe(
        'alive: it answers; suspect: silent here, others are asked or reach it; ' +
          'unreachable: nobody brings a sign of life; left: said goodbye',
      ),
    addresses: z.array(z.string()),
    lastSeen: time.nullable().describe('null when never seen since this node started'),
  })
  .meta({ id: 'Member' });

const meshAndPeer = z.object({ mesh: z.string(), peer });
/** How many members vote. */
export const votersTarget = z
  .union([z.literal('auto'), z.literal(1), z.literal(3), z.literal(5)])
  .describe('auto: 1 with fewer than 3 members, 3 from 3 on, 5 from 7 on');

const peerParams = z.strictObject({ peer: peerInput });

const inviteId = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { message: 'not the id of an invite' })
  .describe('Public half of its key, hex');
const memberName = z.object({ peer, name: z.string() });

/** One row of `cooee invites --json`. */
const inviteView = z
  .object({
    id: inviteId,
    role: memberRole.describe('Role of who joins with it'),
    usesLeft: z.int().min(1),
    expiresAt: time,
    issuer: memberName,
    joined: z.array(memberName).describe('Members that came in with it'),
  })
  .meta({ id: 'Invite' });

/** Routes about who is in the mesh. */
export const memberRoutes = {
  listMembers: defineRoute({
    method: 'GET',
    path: '/v1/members',
    summary: 'Members of the mesh',
    docs: 'All members, this node included.',
    rights: 'agent',
    query: readQuery,
    response: z.object({ members: z.array(memberView) }),
  }),
  createInvite: defineRoute({
    method: 'POST',
    path: '/v1/invites',
    summary: 'Issue an invite',
    docs:
      'Answers only after the invite is committed. The invite is a secret until it is used. With ' +
      '503 none was made: ask for another one.',
    rights: 'operator',
    body: z.strictObject({
      uses: z.int().min(1).max(LIMITS.inviteUsesMax).default(1),
      ttlMs: z
        .int()
        .min(1)
        .max(YEAR_MS)
        .default(24 * HOUR_MS),
      role: memberRole.default('member').describe('Role of who joins with it'),
    }),
    bodyOptional: true,
    response: z.object({
      id: inviteId,
      invite: z.string().describe('One line, cooee1…: the secret. It is shown this once'),
      expiresAt: time,
      uses: z.int().min(1),
    }),
  }),
  listInvites: defineRoute({
    method: 'GET',
    path: '/v1/invites',
    summary: 'Invites that still let somebody in',
    docs:
      'Of every admin, the one that ends first before the others. Without their secrets: nobody ' +
      'but who was given one has it. The log tells of all there ever were (`kind=invite.*`).',
    rights: 'operator',
    query: readQuery,
    response: z.object({ invites: z.array(inviteView) }),
  }),
  revokeInvite: defineRoute({
    method: 'DELETE',
    path: '/v1/invites/{id}',
    summary: 'Take an invite back',
    docs:
      'For admins, whoever issued it. From its commit on nobody gets in with it, whatever uses ' +
      'it had left; who came in with it stays. The same again changes nothing.',
    rights: 'operator',
    params: z.strictObject({ id: inviteId }),
    query: waitQuery,
    response: writeView,
    writes: true,
  }),
  joinMesh: defineRoute({
    method: 'POST',
    path: '/v1/join',
    summary: 'Join a mesh with an invite',
    docs: 'Success without using the invite when this node is a member already.',
    rights: 'operator',
    body: z.strictObject({ invite: z.string().min(1).max(LIMITS.inviteBytesMax) }),
    response: meshAndPeer,
  }),
  leaveMesh: defineRoute({
    method: 'POST',
    path: '/v1/leave',
    summary: 'Leave the mesh',
    docs: 'Says goodbye, sets the mesh aside in the home; the answer names the mesh that was left.',
    rights: 'operator',
    response: meshAndPeer,
  }),
  setMemberRole: defineRoute({
    method: 'PUT',
    path: '/v1/members/{peer}/role',
    summary: 'Change the role of a member',
    docs: 'For admins. The last admin cannot be lowered.',
    rights: 'operator',
    params: peerParams,
    query: waitQuery,
    body: z.strictObject({ role: memberRole }),
    response: writeView,
    writes: true,
  }),
  removeMember: defineRoute({
    method: 'DELETE',
    path: '/v1/members/{peer}',
    summary: 'Remove a member',
    docs: 'For admins. Takes effect on every node that hears of it; revokes its invites.',
    rights: 'operator',
    params: peerParams,
    query: waitQuery,
    response: writeView,
    writes: true,
  }),
  setMesh: defineRoute({
    method: 'PUT',
    path: '/v1/mesh/settings',
    summary: 'Change what holds for the whole mesh',
    docs:
      'For admins; what is not given stays. The level never goes down, and goes up only when ' +
      'every member supports it.',
    rights: 'operator',
    query: waitQuery,
    body: z.strictObject({
      name: printable(LIMITS.memberNameBytesMax).min(1).optional(),
      votersTarget: votersTarget.optional(),
      level: z.int().min(1).max(255).optional(),
    }),
    response: writeView,
    writes: true,
  }),
  recoverMesh: defineRoute({
    method: 'POST',
    path: '/v1/recover',
    summary: 'Recover the mesh when a majority of its voters is lost',
    docs:
      "Begins a new epoch with this node's log, signed by the operator's recovery key; this node " +
      'votes alone until others have caught up. Refused while a majority can be reached, while ' +
      'another member has a longer log, and until all voters that do not answer are named. What ' +
      'the lost voters committed and nobody here has is lost.',
    rights: 'operator',
    body: z.strictObject({
      key: z.string().min(1).max(256).optional().describe('Needed unless dryRun: a secret'),
      lost: z.array(peerInput).max(LIMITS.votersMax).default([]).describe('Voters that are lost'),
      choose: z
        .string()
        .max(64)
        .optional()
        .describe('After two recoveries of one epoch: the id of the one here that goes on'),
      dryRun: z.boolean().default(false).describe('Only says what would happen'),
    }),
    response: z.object({
      epoch: z.int().min(1),
      id: z.string().nullable().describe('Id of the recovery; null for a dry run'),
      index: index.describe('The last entry that goes on'),
      term: z.int().min(1),
      voters: z.array(peer),
      away: z.array(peer).describe('Voters that do not answer'),
      reachable: z.array(peer).describe('Members that answered'),
      lostIndex: index
        .nullable()
        .describe('Entries behind `index` up to here were committed and are lost'),
    }),
  }),
};
