import { z } from 'zod';
import { defineRoute } from './define.ts';
import { peer } from './fields.ts';

const modelView = z.object({
  model: z.string(),
  source: z.string().describe('Where it was found: ollama, config, flag'),
  sizeBytes: z.int().min(0).nullable(),
  enrolled: z.boolean().describe('Enrolled on at least one GPU of this host'),
});

const gpuView = z.object({
  gpuId: z.string().describe('Decimal GPU index'),
  name: z.string(),
  vendor: z.string().nullable(),
  uuid: z.string().nullable(),
  memoryBytes: z.int().min(0).nullable(),
});

const checkView = z
  .object({
    name: z.string(),
    state: z.enum(['ok', 'warn', 'fail']),
    cause: z.string().describe('What was found, one sentence'),
    remedy: z.string().describe('What to do; empty when ok'),
  })
  .meta({ id: 'Check' });

const leaderView = z
  .object({
    peer: peer.nullable(),
    term: z.int().min(0),
    recipient: z.string().nullable().describe('age1…: enrolments are sealed to it'),
  })
  .meta({ id: 'Leader' });

/** Routes about running the daemon. */
export const operatingRoutes = {
  getHost: defineRoute({
    method: 'GET',
    path: '/v1/host',
    summary: 'Models and GPUs of this host',
    docs: 'Looked up now; a host without Ollama or GPUs has empty lists.',
    rights: 'operator',
    response: z.object({
      hostname: z.string(),
      mac: z.string(),
      models: z.array(modelView),
      gpus: z.array(gpuView),
    }),
  }),
  getLeader: defineRoute({
    method: 'GET',
    path: '/v1/leader',
    summary: 'The leader and its age recipient',
    docs: '`peer` and `recipient` are null while there is no leader.',
    rights: 'agent',
    response: leaderView,
  }),
  transferLeader: defineRoute({
    method: 'POST',
    path: '/v1/leader/transfer',
    summary: 'Hand leadership to another voter',
    docs:
      'For admins, on any node: it is handed on to the leader. Without `to` the voter that is ' +
      'furthest takes over. Answers once the new leader has announced itself.',
    rights: 'operator',
    body: z.strictObject({ to: peer.optional() }),
    bodyOptional: true,
    response: leaderView,
  }),
  getDoctor: defineRoute({
    method: 'GET',
    path: '/v1/doctor',
    summary: 'Check this node',
    docs: 'One line a check, with cause and remedy.',
    rights: 'agent',
    response: z.object({ ok: z.boolean(), checks: z.array(checkView) }),
  }),
  stopDaemon: defineRoute({
    method: 'POST',
    path: '/v1/stop',
    summary: 'Stop the daemon',
    docs: 'Answers, then stops cleanly.',
    rights: 'operator',
    response: z.object({ stopping: z.literal(true), peer }),
  }),
  getMetrics: defineRoute({
    method: 'GET',
    path: '/metrics',
    summary: 'Counters and gauges',
    docs: 'Prometheus text format.',
    rights: 'agent',
    kind: 'text',
    response: z.string(),
  }),
  getOpenApi: defineRoute({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This API as an OpenAPI 3.1 document',
    docs: 'Generated from the same definitions as the server.',
    rights: 'agent',
    response: z.looseObject({ openapi: z.string() }),
  }),
};
