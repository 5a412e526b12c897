import { expect, it } from 'vitest';
import type { Daemon } from '../../../../daemon/daemon.ts';
import { LogServices } from '../../../../daemon/services/log-services.ts';

const meshLog = { held: { firstIndex: 1 }, appliedIndex: 0, read: async () => [] };
const logVerifier = { step: async () => expect.unreachable() };
const parts = { meshLog, logVerifier };
const log = new LogServices({ node: { parts }, soundNode: { parts } } as unknown as Daemon);

it.each(['agent.grant', 'agent.*', 'voter.change', 'mesh.genesis'])(
  '%s is a kind',
  async (kind) => {
    expect((await log.read({ kind, limit: 10 })).entries).toEqual([]);
  },
);

it.each([
  ['nosuch', 'agent.*, call.*'],
  ['nosuch.*', 'agent.*, call.*'],
  ['member.join', 'member.add, member.boot'],
  ['*', 'agent.*, call.*'],
])('%s, which no entry has, is refused with what there is', async (kind, known) => {
  const refused = { code: 'ERR_API_QUERY', remedy: expect.stringContaining(known) };
  await expect(log.read({ kind, limit: 10 })).rejects.toMatchObject(refused);
});

it.each([
  ['a size that no peaks can have', { from: 1, size: 9, peaks: [] }],
  ['peaks that are no base64', { from: 1, size: 1, peaks: ['!!'] }],
  ['a peak that is no hash', { from: 1, size: 1, peaks: ['AAAA'] }],
])('%s are a fault of the request, not of the disk', async (_what, verified) => {
  await expect(log.verify(verified)).rejects.toMatchObject({
    code: 'ERR_API_BODY',
    details: { path: 'verified' },
  });
});
