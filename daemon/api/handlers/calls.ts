import { type Handler, ok, waitOf, written } from './define.ts';

export const openCall: Handler<'openCall'> = async (services, { query, body, caller }) =>
  written(await services.openCall(body, waitOf(query), caller));

export const listCalls: Handler<'listCalls'> = (services, { query }) =>
  ok(services.listCalls(query));

export const getCall: Handler<'getCall'> = (services, { params }) =>
  ok(services.getCall(params.id));

export const claimCall: Handler<'claimCall'> = async (services, { params, query, body }) =>
  written(await services.claimCall(params.id, body, waitOf(query)));

export const releaseCall: Handler<'releaseCall'> = async (services, { params, query, body }) =>
  written(await services.releaseCall(params.id, body, waitOf(query)));

export const answerCall: Handler<'answerCall'> = async (services, { params, query, body }) =>
  written(await services.answerCall(params.id, body, waitOf(query)));

export const withdrawCall: Handler<'withdrawCall'> = async (services, { params, query, caller }) =>
  written(await services.withdrawCall(params.id, waitOf(query), caller));
