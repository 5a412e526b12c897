import type { z } from 'zod';
import {
  type ApplyContext,
  LIMITS,
  type MemberRecord,
  type MemberRole,
  type MeshRecord,
  type Outcome,
  refuse,
  revise,
  type StateEvent,
  type StateReader,
  type StateWriter,
  voterSetKey,
} from '../interface/index.ts';
import { memberAddress } from '../ucxl/index.ts';
import { cidOf, encodeCanonical, toHex } from '../wire/index.ts';
import type {
  addBody,
  bootBody,
  genesisBody,
  issueBody,
  removeBody,
  revokeBody,
  roleBody,
  settingsBody,
} from './messages.ts';
import { inviteProblem, levelProblem, proofProblem } from './rules.ts';

const RANK: Readonly<Record<MemberRole, number>> = { member: 0, curator: 1, admin: 2 };

/** The member with that peer id, unless it was removed or never was one. */
export function memberOf(state: StateReader, peer: string): MemberRecord | undefined {
  const record = state.get('member', peer);
  return record !== undefined && record.removedIndex === null ? record : undefined;
}

/**
 * Whether the mesh cannot do without that voter: a majority of those that vote now must stay, to
 * decide who has the seats then and to sign for them. One that was removed keeps its seat until the
 * leader gives it to another, and nobody hears it any more.
 */
export function isSeatNeeded(state: StateReader, peer: string): boolean {
  const voters = meshOf(state)?.voters ?? [];
  if (!voters.includes(peer)) return false;
  const staying = voters.filter((it) => it !== peer && memberOf(state, it) !== undefined);
  return staying.length <= voters.length / 2;
}

/** A refusal when the actor is no member of at least that role; undefined when it may go on. */
function roleProblem(state: StateReader, peer: string, role: MemberRole): Outcome | undefined {
  const actor = memberOf(state, peer);
  if (actor === undefined) return refuse('ERR_MEMBERSHIP_NOT_MEMBER');
  if (RANK[actor.role] < RANK[role]) {
    return refuse('ERR_MEMBERSHIP_FORBIDDEN', `that takes the role ${role}`, { role: actor.role });
  }
  return undefined;
}

/** The mesh's record. Only genesis applies before it exists. */
export function meshOf(state: StateReader): MeshRecord | undefined {
  return state.get('mesh', 'mesh') as MeshRecord | undefined;
}

/**
 * The mesh's id is the CID of its genesis and of the peer that made it: whoever knows the id can
 * tell whether a log begins as it should.
 */
export function meshIdOf(
  sha256: ApplyContext['crypto']['sha256'],
  genesis: { readonly body: z.output<typeof genesisBody>; readonly peer: string },
): string {
  return cidOf(sha256, encodeCanonical({ v: 1, ...genesis.body, peer: genesis.peer }));
}

/** `mesh.genesis`: the first command of the first entry, and of no other. */
export function reduceGenesis(
  state: StateWriter,
  body: z.output<typeof genesisBody>,
  context: ApplyContext,
): Outcome {
  const peer = context.origin;
  if (meshOf(state) !== undefined || context.index !== 1) {
    return refuse('ERR_SLURP_COMMAND', 'a mesh has one genesis');
  }
  if (meshIdOf(context.crypto.sha256, { body, peer }) !== context.meshId) {
    return refuse('ERR_SLURP_COMMAND', 'the genesis is not the one that the mesh id names');
  }
  state.put('mesh', 'mesh', {
    id: context.meshId,
    name: body.name,
    recovery: body.recovery,
    level: 1,
    voters: [peer],
    learners: [],
    votersTarget: 'auto',
    createdMs: context.timeMs,
  });
  state.put('voterset', voterSetKey(1), { index: 1, voters: [peer], learners: [] });
  const member = newMember(context, {
    peer,
    name: body.memberName,
    addresses: body.addresses,
    levels: body.levels,
    role: 'admin',
    invite: null,
  });
  const event = putRevised(state, member, { context, type: 'member:join' });
  return { ok: true, value: { peer }, events: [event] };
}

/** `member.add`: an invite is redeemed. The log decides every race for it. */
export function reduceAdd(
  state: StateWriter,
  body: z.output<typeof addBody>,
  context: ApplyContext,
): Outcome {
  const key = toHex(body.invite);
  const known = state.get('member', body.peer);
  if (known !== undefined && known.removedIndex === null && known.invite === key) {
    // The joiner whose answer was lost tries again: it is in, and no use is spent.
    return { ok: true, value: { index: known.addedIndex } };
  }
  const problem = proofProblem(body, context) ?? inviteProblem(state, body, context.timeMs);
  if (problem !== undefined) return problem;
  if (known !== undefined && known.removedIndex === null) {
    return { ok: true, value: { index: known.addedIndex } };
  }
  const mismatch = levelProblem(state, body.levels);
  if (mismatch !== undefined) return mismatch;
  const invite = state.get('invite', key);
  if (invite === undefined) return refuse('ERR_MEMBERSHIP_INVITE_UNKNOWN');
  state.put('invite', key, { ...invite, usesLeft: invite.usesLeft - 1 });
  const member = newMember(context, { ...body, role: invite.role, invite: key });
  // Who comes back keeps its last start with the nonce, or its next registration would look like a
  // clone's.
  const start = { boot: known?.boot ?? 0, bootNonce: known?.bootNonce ?? '' };
  const event = putRevised(state, { ...member, ...start }, { context, type: 'member:join' });
  return { ok: true, value: { index: context.index }, events: [event] };
}

/** `member.remove`: an admin removes any member, a member itself. Its invites go with it. */
export function reduceRemove(
  state: StateWriter,
  body: z.output<typeof removeBody>,
  context: ApplyContext,
): Outcome {
  const isSelf = context.actor.peer === body.peer;
  const problem = roleProblem(state, context.actor.peer, isSelf ? 'member' : 'admin');
  if (problem !== undefined) return problem;
  const member = memberOf(state, body.peer);
  if (member === undefined) return refuse('ERR_MEMBERSHIP_UNKNOWN_PEER');
  if (isLastAdmin(state, member)) return refuse('ERR_MEMBERSHIP_LAST_ADMIN');
  if (isSeatNeeded(state, body.peer)) return refuse('ERR_MEMBERSHIP_LAST_VOTER');
  revokeInvitesOf(state, body.peer);
  const removed = { ...member, removedIndex: context.index };
  const type = isSelf ? 'member:leave' : 'member:remove';
  return { ok: true, events: [putRevised(state, removed, { context, type })] };
}

/**
 * `member.role`: an admin gives a role. Who is lowered from admin may not invite any more: its
 * invites go.
 */
export function reduceRole(
  state: StateWriter,
  body: z.output<typeof roleBody>,
  context: ApplyContext,
): Outcome {
  const problem = roleProblem(state, context.actor.peer, 'admin');
  if (problem !== undefined) return problem;
  const member = memberOf(state, body.peer);
  if (member === undefined) return refuse('ERR_MEMBERSHIP_UNKNOWN_PEER');
  if (body.role !== 'admin' && isLastAdmin(state, member)) {
    return refuse('ERR_MEMBERSHIP_LAST_ADMIN');
  }
  // The same again, as when an answer was lost, makes no version.
  if (member.role === body.role) return { ok: true };
  if (member.role === 'admin' && body.role !== 'admin') revokeInvitesOf(state, body.peer);
  const changed = { ...member, role: body.role };
  const event = putRevised(state, changed, { context, type: 'member:role' });
  return { ok: true, events: [event] };
}

/**
 * Makes a member an admin, on the word of the operator's recovery key: the admins may be among
 * those who are lost, and then nobody else could give the role.
 *
 * @returns the event of it; none when it is no member, or has the role
 */
export function makeAdmin(state: StateWriter, peer: string, context: ApplyContext): StateEvent[] {
  const member = memberOf(state, peer);
  if (member === undefined || member.role === 'admin') return [];
  return [putRevised(state, { ...member, role: 'admin' }, { context, type: 'member:role' })];
}

/**
 * `member.boot`: a start is registered. Two starts that claim one number with different nonces are
 * clones: the mark makes both stop, whichever of them hears of it.
 */
export function reduceBoot(
  state: StateWriter,
  body: z.output<typeof bootBody>,
  context: ApplyContext,
): Outcome {
  const member = memberOf(state, context.origin);
  if (member === undefined) return refuse('ERR_MEMBERSHIP_NOT_MEMBER');
  if (body.boot < member.boot) return refuse('ERR_MEMBERSHIP_CLONE', 'a later start is registered');
  if (body.boot === member.boot) {
    if (body.bootNonce === member.bootNonce) return { ok: true };
    const cloned = { ...member, isCloned: true };
    state.put('member', member.peer, cloned);
    return { ok: true, events: [eventOf('member:clone', cloned)] };
  }
  const started = { ...member, ...body, isCloned: false };
  state.put('member', member.peer, started);
  return { ok: true, events: [eventOf('member:boot', started)] };
}

/** `invite.issue`: an admin may invite. Invites that ended long ago make room. */
export function reduceIssue(
  state: StateWriter,
  body: z.output<typeof issueBody>,
  context: ApplyContext,
): Outcome {
  const problem = roleProblem(state, context.actor.peer, 'admin');
  if (problem !== undefined) return problem;
  const key = toHex(body.key);
  if (state.get('invite', key) !== undefined) {
    return refuse('ERR_SLURP_COMMAND', 'an invite key is used once');
  }
  forgetEndedInvites(state, context.timeMs);
  state.put('invite', key, {
    role: body.role,
    usesLeft: body.uses,
    expiresMs: body.expiresMs,
    issuer: context.actor.peer,
    isRevoked: false,
  });
  return { ok: true, value: { key } };
}

/** `invite.revoke`: an admin takes an invite back. */
export function reduceRevoke(
  state: StateWriter,
  body: z.output<typeof revokeBody>,
  context: ApplyContext,
): Outcome {
  const problem = roleProblem(state, context.actor.peer, 'admin');
  if (problem !== undefined) return problem;
  const key = toHex(body.key);
  const invite = state.get('invite', key);
  if (invite === undefined) return refuse('ERR_MEMBERSHIP_INVITE_UNKNOWN');
  state.put('invite', key, { ...invite, isRevoked: true });
  return { ok: true };
}

/**
 * `mesh.settings`: an admin changes what holds for all. The level rises only when every member
 * supports it.
 */
export function reduceSettings(
  state: StateWriter,
  body: z.output<typeof settingsBody>,
  context: ApplyContext,
): Outcome {
  const problem = roleProblem(state, context.actor.peer, 'admin');
  if (problem !== undefined) return problem;
  const mesh = meshOf(state);
  if (mesh === undefined) return refuse('ERR_SLURP_COMMAND', 'there is no mesh yet');
  const level = body.level ?? mesh.level;
  if (level < mesh.level) return refuse('ERR_SLURP_LEVEL', 'a level is never lowered');
  // In the order of their names: the refusal names the first, and must be the same on every node.
  const members = [...state.entries('member')].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, member] of members) {
    // Only a change asks the members: one with a strange range must not block every other setting.
    if (level === mesh.level || member.removedIndex !== null) continue;
    if (level < member.levels[0] || level > member.levels[1]) {
      return refuse('ERR_SLURP_LEVEL', 'not every member supports that level', {
        peer: member.peer,
      });
    }
  }
  state.put('mesh', 'mesh', {
    ...mesh,
    level,
    name: body.name ?? mesh.name,
    votersTarget: body.votersTarget ?? mesh.votersTarget,
  });
  return { ok: true, events: [{ type: 'mesh:settings', data: { level } }] };
}

function newMember(
  context: ApplyContext,
  facts: Pick<MemberRecord, 'peer' | 'name' | 'role' | 'addresses' | 'invite'> & {
    readonly levels: readonly [number, number];
  },
): MemberRecord {
  return {
    peer: facts.peer,
    name: facts.name,
    role: facts.role,
    addresses: facts.addresses,
    levels: facts.levels,
    invite: facts.invite,
    addedIndex: context.index,
    removedIndex: null,
    boot: 0,
    bootNonce: '',
    isCloned: false,
  };
}

function revokeInvitesOf(state: StateWriter, issuer: string): void {
  for (const [key, invite] of state.entries('invite')) {
    if (invite.issuer === issuer && !invite.isRevoked) {
      state.put('invite', key, { ...invite, isRevoked: true });
    }
  }
}

/** Nobody gets in by one of them: all that goes is the word why. */
function forgetEndedInvites(state: StateWriter, timeMs: number): void {
  for (const [key, { expiresMs }] of state.entries('invite')) {
    if (timeMs - expiresMs >= LIMITS.inviteEndedMs) state.delete('invite', key);
  }
}

function isLastAdmin(state: StateReader, member: MemberRecord): boolean {
  if (member.role !== 'admin') return false;
  for (const [, other] of state.entries('member')) {
    const isAdmin = other.role === 'admin' && other.removedIndex === null;
    if (isAdmin && other.peer !== member.peer) return false;
  }
  return true;
}

/**
 * Writes a member with a new version of its record: all that people decide about it. A start is
 * none, or the versions of a host that restarts every day would say nothing.
 */
function putRevised(
  state: StateWriter,
  member: MemberRecord,
  { context, type }: { readonly context: ApplyContext; readonly type: string },
): StateEvent {
  state.put('member', member.peer, member);
  const { index, timeMs } = context;
  revise(state, memberAddress(member.peer), { index, timeMs, cause: type }, member);
  return eventOf(type, member);
}

function eventOf(type: string, { peer, name, role }: MemberRecord): StateEvent {
  return { type, address: memberAddress(peer), data: { peer, name, role } };
}
