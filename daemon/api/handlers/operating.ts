import { openApiJson } from '../openapi.ts';
import type { ResponseOf } from '../routes/index.ts';
import { type Handler, ok } from './define.ts';

export const getStatus: Handler<'getStatus'> = async (services) => ok(await services.status());

export const getHost: Handler<'getHost'> = async (services) => ok(await services.host());

export const getLeader: Handler<'getLeader'> = async (services) => ok(await services.leader());

export const transferLeader: Handler<'transferLeader'> = async (services, { body }) =>
  ok(await services.transferLeader(body.to));

export const getDoctor: Handler<'getDoctor'> = async (services) => ok(await services.doctor());

export const stageBackup: Handler<'stageBackup'> = async (services, { signal }) =>
  ok(await services.stageBackup(signal));

export const getWhy: Handler<'getWhy'> = async (services, { query, caller }) =>
  ok(await services.why(query.thing, caller));

export const stopDaemon: Handler<'stopDaemon'> = (services) => ({
  ...ok({ stopping: true as const, peer: services.self() }),
  afterwards: () => services.stop(),
});

export const getMetrics: Handler<'getMetrics'> = (services) => ok(services.metricsText());

export const getOpenApi: Handler<'getOpenApi'> = () =>
  ok<ResponseOf<'getOpenApi'>>({ json: openApiJson() });
