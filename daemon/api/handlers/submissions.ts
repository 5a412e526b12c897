import { type Handler, ok, waitOf, written } from './define.ts';

export const submit: Handler<'submit'> = async (services, { query, body, caller }) =>
  written(await services.submit(body, waitOf(query), caller));

export const listSubmissions: Handler<'listSubmissions'> = (services, { query }) =>
  ok(services.listSubmissions(query));

export const getSubmission: Handler<'getSubmission'> = async (services, { params }) =>
  ok(await services.getSubmission(params.id));

export const getPatch: Handler<'getPatch'> = async (services, { params }) =>
  ok(await services.getPatch(params.id));

export const decideSubmission: Handler<'decideSubmission'> = async (services, call) =>
  written(await services.decideSubmission(call.params.id, call.body, waitOf(call.query)));
