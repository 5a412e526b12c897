import { type Handler, ok } from './define.ts';

export const readLog: Handler<'readLog'> = async (services, { query }) =>
  ok(await services.readLog(query));

export const getProof: Handler<'getProof'> = async (services, { params, query }) =>
  ok(await services.proof(params.index, query.anchor));

export const verifyLog: Handler<'verifyLog'> = async (services, { body }) =>
  ok(await services.verifyLog(body.verified));
