import { type Handler, ok, waitOf, written } from './define.ts';

export const submit: Handler<'submit'> = async (services, { query, body, caller }) =>
  written(await services.submit(body, waitOf(query), caller));

export const listSubmissions: Handler<'listSubmissions'> = (services, { query }) =>
  ok(services.listSubmissions(query));

export const getSubmission: Handler<'getSubmission'> = (services, { params }) =>
  ok(services.getSubmission(params.id));
