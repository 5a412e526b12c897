// Goal: what stands in the answer, and in which order; each line has its own tests.
import { expect, it } from 'vitest';
import type { Daemon } from '../../../../../../daemon/daemon.ts';
import { Doctor } from '../../../../../../daemon/services/doctor/index.ts';

/** Names of the lines of a node of which nothing else can be looked at. */
async function linesOf(isOut: boolean): Promise<readonly string[]> {
  const removed = { code: 'removed', severity: 'error', text: 'Removed.', remedy: 'Leave.' };
  const daemon = {
    ...{ phase: 'member', init: { config: {} }, currentNode: { parts: { guard: { isOut } } } },
    components: { home: { path: '/nowhere' }, health: { list: () => [removed] } },
  };
  const init = { version: '1.2.3', socket: '/nowhere/s', agentSocket: '/nowhere/a' };
  const { checks } = await new Doctor(daemon as unknown as Daemon, init).examine();
  return checks.map(({ name }) => name);
}

const HOST = ['daemon', 'home'];

it('walks from the host over the members to what they agree on', async () => {
  const around = ['clock', 'listen', 'mdns', 'members', 'agreement', 'outbox', 'dht'];
  expect(await linesOf(false)).toEqual([...HOST, ...around, 'removed']);
});

it('of a removed node it says that first, and asks nobody who does not answer it', async () => {
  const around = ['clock', 'listen', 'mdns', 'outbox'];
  expect(await linesOf(true)).toEqual(['removed', ...HOST, ...around, 'skipped']);
});
