import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Daemon, type DaemonComponents, type DaemonInit } from '../../../daemon/daemon.ts';
import { HomeNode } from '../../../daemon/home-node.ts';
import type { NodeLife } from '../../../daemon/mesh/node-life.ts';
import { AgentServices } from '../../../daemon/services/agent-services.ts';
import { CallServices } from '../../../daemon/services/calls/call-services.ts';
import { LogServices } from '../../../daemon/services/log-services.ts';
import { MeshServices } from '../../../daemon/services/mesh-services.ts';
import { RecordServices } from '../../../daemon/services/record-services.ts';
import { SubmissionServices } from '../../../daemon/services/submissions/submission-services.ts';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';

// Goal: a node whose state is not the one that the voters signed for shows nothing of it to
// programs. Method: the real services on a daemon whose node has nothing but that verdict, so that
// whoever reads past it fails with something else.

const parts = { snapshots: { isSound: false } };
const daemon = new Daemon(
  { home: { path: '/nowhere' } } as unknown as DaemonComponents,
  {} as DaemonInit,
);
const clock = { nowMs: () => 0, monotonicMs: () => 0 };
const submissions = new SubmissionServices(daemon, nodeCrypto);
const init = { daemon } as unknown as ConstructorParameters<typeof MeshServices>[0];

const agents = new AgentServices(daemon, nodeCrypto);
const calls = new CallServices(daemon, clock as ConstructorParameters<typeof CallServices>[1]);
const records = new RecordServices(daemon, { clock, crypto: nodeCrypto, submissions });
const log = new LogServices(daemon);
const members = new MeshServices(init);
const address = 'ucxl://any:admin@COOEE:enrol/#/agentid/0';

beforeEach(() => {
  vi.spyOn(HomeNode.prototype, 'node', 'get').mockReturnValue({ parts } as unknown as NodeLife);
});
afterEach(() => vi.restoreAllMocks());

it.each<[string, () => unknown]>([
  ['agents', () => agents.query({ limit: 10 })],
  ['an agent', () => agents.resolve('458RV')],
  ['calls', () => calls.list({ limit: 10 })],
  ['a call', () => calls.get('bafyreia')],
  ['a submission', () => submissions.get('bafyreia')],
  ['a record', () => records.get(address)],
  ['the versions of one', () => records.history({ address, limit: 10 })],
  ['members', () => members.members()],
  ['the log', () => log.read({ limit: 10 })],
  ['a proof', () => log.proof(1, 1)],
])('a node that has diverged does not show %s', async (_what, read) => {
  await expect((async () => await read())()).rejects.toMatchObject({ code: 'ERR_SLURP_DIVERGED' });
});
