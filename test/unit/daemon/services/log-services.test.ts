import { expect, it } from 'vitest';
import type { Daemon } from '../../../../daemon/daemon.ts';
import { LogServices } from '../../../../daemon/services/log-services.ts';

const meshLog = { held: { firstIndex: 1 }, appliedIndex: 0, read: async () => [] };
const log = new LogServices({ soundNode: { parts: { meshLog } } } as unknown as Daemon);

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
