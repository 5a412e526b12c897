import { z } from 'zod';
import { LIMITS } from '../../../protocols/interface/limits.ts';
import { defineRoute } from './define.ts';
import { index, peer, time } from './fields.ts';

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
    last: z
      .object({ peer, term: z.int().min(0) })
      .optional()
      .describe('Who led last, as the log says; only while there is no leader'),
  })
  .meta({ id: 'Leader' });

/** What a question may be about; `several` when what was given fits more than one thing. */
const WHY_KINDS = ['peer', 'agent', 'call', 'submission', 'unknown', 'several'] as const;

/** Where a fact is from. */
const WHY_SOURCES = ['log', 'outbox', 'connections', 'door', 'announcements', 'node'] as const;

const becauseView = z.object({
  fact: z.string().describe('One sentence'),
  at: time.optional().describe('When it came about, where that is known'),
  index: index.optional().describe('Log index of the entry that says so'),
  source: z
    .enum(WHY_SOURCES)
    .describe(
      'log: committed, the same on every node. outbox: what this node accepted. connections, ' +
        'door, announcements, node: seen by this node since it runs.',
    ),
});

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
    docs:
      '`peer` and `recipient` are null while this node knows of no leader that it can reach; ' +
      '`last` then says who led last. `recipient` is null also until a new leader names it.',
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
  stageBackup: defineRoute({
    method: 'POST',
    path: '/v1/backup',
    summary: "Copy this node's home for a backup",
    docs:
      'Makes a copy of the home as of one moment, in a folder of the home, and names it. ' +
      'It is as secret as the home: `cooee backup FILE` seals it into a file and removes it.',
    rights: 'operator',
    response: z.object({
      folder: z.string().describe('Absolute path of the copy'),
      skipped: z
        .array(z.string())
        .describe('Paths of the home that no backup can hold: links above all'),
    }),
  }),
  getWhy: defineRoute({
    method: 'GET',
    path: '/v1/why',
    summary: 'Why a peer, an agent, a call or a submission is as it is',
    docs:
      'What this node has seen, and nothing else: it asks nobody. `verdict` is one word of a ' +
      'fixed list for each kind ([operations](operations.md#why)). What fits several things is ' +
      'answered with `kind: "several"` and one fact for each. On the agent socket what the ' +
      'door says, and errors of dials, are left out.',
    rights: 'agent',
    query: z.strictObject({
      thing: z
        .string()
        .min(1)
        .max(LIMITS.addressBytesMax)
        .describe(
          'Peer id or name of a member; token, hash, tiny hash or number of an agent; id of a ' +
            'call or submission; an address; or a part of an id',
        ),
    }),
    response: z
      .object({
        thing: z.string(),
        kind: z.enum(WHY_KINDS),
        id: z.string().describe('The whole id; empty for several'),
        verdict: z.string().describe('One word, kebab-case'),
        text: z.string().describe('The verdict as a sentence'),
        because: z.array(becauseView),
        next: z.array(z.string()).describe('Commands to type next; none when all is well'),
      })
      .meta({ id: 'Why' }),
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
