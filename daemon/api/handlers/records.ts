import { type Handler, ok } from './define.ts';

export const getRecord: Handler<'getRecord'> = async (services, { query }) =>
  ok(await services.getRecord(query.address));

export const getHistory: Handler<'getHistory'> = async (services, { query }) =>
  ok(await services.getHistory(query));
