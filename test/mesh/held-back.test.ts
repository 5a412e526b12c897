import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LIMITS, type StoreWrite } from '../../protocols/interface/index.ts';
import { cidOf, encodeCanonical } from '../../protocols/wire/index.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { crypto } from '../unit/slurp/mesh-world.ts';
import { type TestHost, TestMesh, until } from './harness.ts';

// Goal: a submission whose blocks the voters cannot hold keeps nothing else of its node waiting; it
// outlives every end, and is committed once there is room.
// Method: the leader's disk is filled with blocks of the author that nothing refers to, by their
// notes alone, while it is down.

const WAIT = { wait: 'committed', timeoutMs: 20_000 } as const;
const ADDRESS = 'ucxl://any:builder@shop:held/#';

const mesh = new TestMesh();
let leader: TestHost;
let author: TestHost;

beforeAll(async () => {
  [leader, author] = (await mesh.start('lead', 'alpha')) as [TestHost, TestHost];
});
afterAll(() => mesh.close());

/** What notes of loose blocks use up the whole share of a member. */
function notes(by: string): { readonly key: string; readonly value: Uint8Array }[] {
  const bytes = LIMITS.submissionBlockBytesMax;
  const count = Math.ceil(LIMITS.submissionLooseBytesMax / bytes);
  return Array.from({ length: count }, (_, i) => ({
    key: `loose/${cidOf(crypto.sha256, encodeCanonical(i))}`,
    value: encodeCanonical({ v: 1, by, bytes, sinceMs: Date.now() }),
  }));
}

/** Changes the leader's store while it is down. */
async function change(writes: readonly StoreWrite[]): Promise<void> {
  await leader.end();
  const store = new LevelStore(
    { onFatal: (error) => expect(error).toBeUndefined() },
    { directory: join(leader.home, 'mesh', 'store') },
  );
  await store.open();
  await store.batch(writes, { sync: true });
  await store.close();
  await leader.up();
}

const submit = (name: string, query: typeof WAIT | Record<string, never>, large: boolean) =>
  author.client.call('submit', {
    query,
    body: {
      ...{ kind: 'dr' as const, address: `${ADDRESS}/${name}`, title: name },
      context: large ? `${name} `.repeat(20_000) : name,
    },
  });
const stateOf = async (id: string): Promise<string> =>
  (await author.client.call('getSubmission', { params: { id } })).state;

it('what cannot be held keeps nothing else waiting, and goes once it can', async () => {
  const full = notes(await author.peer());
  await change(full.map((note) => ({ namespace: 'contentinfo', ...note })));
  const stuck = await submit('stuck', {}, true);
  expect(stuck.state).toBe('accepted');
  await until('the leader has said that there is no room', async () => {
    const { verdict } = await author.client.call('getWhy', { query: { thing: stuck.id } });
    return verdict === 'blocks-missing';
  });
  const startMs = performance.now();
  for (const name of ['one', 'two', 'three']) {
    expect((await submit(name, WAIT, false)).state).toBe('committed');
  }
  // Three commits, and no try of the leader to hold blocks among them.
  expect(performance.now() - startMs).toBeLessThan(5_000);
  expect(await stateOf(stuck.id)).toBe('accepted');

  await author.end('SIGKILL');
  await author.up();
  expect(await stateOf(stuck.id)).toBe('accepted');
  expect((await submit('four', WAIT, false)).state).toBe('committed');
  const status = await author.client.call('getStatus', {});
  expect(status.outbox.waiting).toBe(1);

  await change(full.map(({ key }) => ({ namespace: 'contentinfo', key })));
  await until('it is committed', async () => (await stateOf(stuck.id)) === 'committed', 60_000);
  const query = { address: `${ADDRESS}/stuck` };
  const { submissions } = await author.client.call('listSubmissions', { query });
  expect(submissions.map(({ id, version }) => [id, version])).toEqual([[stuck.id, 1]]);
  expect((await author.client.call('getStatus', {})).outbox.waiting).toBe(0);
});
