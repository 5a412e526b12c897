import { type Handler, ok, waitOf, written } from './define.ts';

export const listAgents: Handler<'listAgents'> = (services, { query }) =>
  ok(services.queryAgents(query));

export const getAgent: Handler<'getAgent'> = async (services, { params }) =>
  ok(await services.resolveAgent(params.ref));

export const enrolAgents: Handler<'enrolAgents'> = async (services, { query, body }) =>
  written(await services.enrol('models' in body ? body.models : [body], waitOf(query)));

export const retireAgent: Handler<'retireAgent'> = async (services, { params, query }) =>
  written(await services.retire(params.token, waitOf(query)));

export const announceAgent: Handler<'announceAgent'> = async (services, call) =>
  ok(await services.announce(call.params.token, call.body, call.caller));

export const rebindAgent: Handler<'rebindAgent'> = async (services, { params, query, body }) =>
  written(await services.rebind(params.token, body.peer, waitOf(query)));
