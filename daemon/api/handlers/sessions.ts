import { type Handler, ok } from './define.ts';

export const createSession: Handler<'createSession'> = async (services, { params }) =>
  ok(await services.createSession(params.token));

export const listSessions: Handler<'listSessions'> = (services) =>
  ok({ sessions: [...services.listSessions()] });

export const revokeSession: Handler<'revokeSession'> = async (services, { params }) =>
  ok(await services.revokeSession(params.id));
