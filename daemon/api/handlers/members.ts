import { type Handler, ok, waitOf, written } from './define.ts';

export const listMembers: Handler<'listMembers'> = async (services) =>
  ok({ members: [...(await services.members())] });

export const createInvite: Handler<'createInvite'> = async (services, { body }) =>
  ok(await services.issueInvite(body));

export const listInvites: Handler<'listInvites'> = (services) =>
  ok({ invites: [...services.listInvites()] });

export const revokeInvite: Handler<'revokeInvite'> = async (services, { params, query }) =>
  written(await services.revokeInvite(params.id, waitOf(query)));

export const joinMesh: Handler<'joinMesh'> = async (services, { body }) =>
  ok(await services.join(body.invite));

export const leaveMesh: Handler<'leaveMesh'> = async (services) => ok(await services.leave());

export const recoverMesh: Handler<'recoverMesh'> = async (services, { body }) =>
  ok(await services.recover(body));

export const setMemberRole: Handler<'setMemberRole'> = async (services, { params, query, body }) =>
  written(await services.setRole(params.peer, body.role, waitOf(query)));

export const removeMember: Handler<'removeMember'> = async (services, { params, query }) =>
  written(await services.removeMember(params.peer, waitOf(query)));

export const setMesh: Handler<'setMesh'> = async (services, { query, body }) =>
  written(await services.setMesh(body, waitOf(query)));
