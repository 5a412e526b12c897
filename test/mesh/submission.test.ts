import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WatchItem } from '../../daemon/client/index.ts';
import { isCooeeError } from '../../protocols/interface/index.ts';
import { runCli, type TestHost, TestMesh, until } from './harness.ts';

// Goal: what an agent hands in is in the log once and can be read on every node, whatever ends in
// between; what cannot be taken is refused with a code that its author can read.

const ADDRESS = 'ucxl://any:architect@shop:checkout/#/decisions';
const WAIT = { wait: 'committed', timeoutMs: 20_000 } as const;

const dr = (name: string, more: Record<string, unknown> = {}) => ({
  kind: 'dr' as const,
  address: `${ADDRESS}/${name}`,
  title: `Decision ${name}`,
  decision: 'd'.repeat(256),
  ...more,
});

async function codeOf(task: Promise<unknown>): Promise<string> {
  try {
    await task;
    return 'ok';
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
}

describe('submissions', () => {
  const mesh = new TestMesh();
  let leader: TestHost;
  let member: TestHost;

  beforeAll(async () => {
    [leader, member] = (await mesh.start('lead', 'alpha')) as [TestHost, TestHost];
  });
  afterAll(() => mesh.close());

  it('handed in on a follower are committed there, and read on the other node', async () => {
    const body = dr('one', { options: [{ title: 'Yes', chosen: true }], x: { ticket: 7 } });
    const answer = await member.client.call('submit', { query: WAIT, body });
    expect(answer).toMatchObject({ state: 'committed', address: body.address });
    const { id, index = 0 } = answer;
    const read = (host: TestHost) =>
      host.agentClient.call('getSubmission', { params: { id }, query: { minIndex: index } });
    const here = await read(member);
    expect(await read(leader)).toEqual(here);
    const author = { peer: await member.peer() };
    expect(here).toMatchObject({ id, index, author, state: 'committed', version: 1 });
    expect(here.content).toMatchObject({ decision: body.decision, x: { ticket: 7 } });
    expect(Date.parse(here.committedAt ?? '')).toBeGreaterThan(Date.parse('2026-01-01'));
  });

  it('handed in twice are one, on the same node or after a restart', async () => {
    const body = dr('twice');
    const submit = () => member.client.call('submit', { query: WAIT, body });
    const first = await submit();
    expect(await Promise.all([submit(), submit()])).toEqual([first, first]);
    await member.end();
    await member.up();
    expect(await submit()).toEqual(first);
    const { submissions } = await leader.client.call('listSubmissions', {
      query: { address: body.address },
    });
    expect(submissions).toHaveLength(1);
    // Of another node it is another one, the next version there.
    const other = await leader.client.call('submit', { query: WAIT, body });
    expect(other.id).not.toBe(first.id);
    const query = { address: body.address, minIndex: other.index ?? 0 };
    const list = await member.client.call('listSubmissions', { query });
    expect(list.submissions.map(({ id, version }) => [id, version])).toEqual([
      [other.id, 2],
      [first.id, 1],
    ]);
  });

  it('that were accepted outlive the process, and are committed once', async () => {
    await leader.end();
    const bodies = Array.from({ length: 20 }, (_, n) => dr(`kept-${n}`));
    const accepted = await Promise.all(
      bodies.map((body) => member.client.call('submit', { body })),
    );
    expect(new Set(accepted.map(({ state }) => state))).toEqual(new Set(['accepted']));
    await member.end('SIGKILL');
    await member.up();
    const query = { state: 'accepted', limit: 1_000 } as const;
    const waiting = await member.client.call('listSubmissions', { query });
    const ids = accepted.map(({ id }) => id);
    expect(new Set(waiting.submissions.map(({ id }) => id))).toEqual(new Set(ids));
    const [id = ''] = ids;
    expect(await member.client.call('getSubmission', { params: { id } })).toMatchObject({
      state: 'accepted',
      content: { title: 'Decision kept-0' },
    });
    // Handed in again while it waits, it is still the one.
    expect(await member.client.call('submit', { body: bodies[0]! })).toMatchObject({ id });
    await leader.up();
    await until(
      'all are committed',
      async () => {
        const list = await member.client.call('listSubmissions', { query });
        return list.submissions.length === 0;
      },
      30_000,
    );
    const { submissions } = await leader.client.call('listSubmissions', {
      query: { limit: 1_000, author: await member.peer() },
    });
    for (const kept of ids) {
      expect(submissions.filter((row) => row.id === kept)).toMatchObject([{ state: 'committed' }]);
    }
    expect(await member.json('status')).toMatchObject({ outbox: { waiting: 0 } });
  });

  it('survive a kill of everything right after the commit', async () => {
    const body = dr('everything');
    const { id, index } = await member.client.call('submit', { query: WAIT, body });
    await Promise.all([leader.end('SIGKILL'), member.end('SIGKILL')]);
    await leader.up();
    await member.up();
    for (const host of [leader, member]) {
      // Until its log is there again a node knows what waits in its outbox.
      const found = await until('it is there', async () => {
        const row = await host.client.call('getSubmission', { params: { id } });
        return row.state === 'committed' ? row : undefined;
      });
      expect(found).toMatchObject({ index });
    }
  });

  it('are refused with a code that says why', async () => {
    const submit = (body: unknown) => member.client.call('submit', { body: body as never });
    const register = 'ucxl://any:admin@COOEE:enrol/#/agentid/1/0';
    expect(await codeOf(submit(dr('a', { colour: 'red' })))).toBe('ERR_API_BODY');
    expect(await codeOf(submit(dr('a', { address: 'shop' })))).toBe('ERR_UCXL_SYNTAX');
    expect(await codeOf(submit(dr('a', { address: register })))).toBe('ERR_SUBMISSION_ADDRESS');
    expect(await codeOf(submit(dr('a', { x: { n: 0.5 } })))).toBe('ERR_SUBMISSION_MALFORMED');
    const large = dr('a', { context: 'c'.repeat(140_000), decision: 'd'.repeat(140_000) });
    expect(await codeOf(submit(large))).toBe('ERR_SUBMISSION_TOO_LARGE');
    const long = dr('a', { context: 'c'.repeat(300_000) });
    expect(await codeOf(submit(long))).toBe('ERR_SUBMISSION_TOO_LARGE');
    const pull = {
      ...{ kind: 'pr', address: `${ADDRESS}/a`, title: 'T', repository: 'r' },
      ...{ base: 'main', head: 'h', patch: 'p'.repeat(512 * 1024 + 1) },
    };
    expect(await codeOf(submit(pull))).toBe('ERR_SUBMISSION_TOO_LARGE');
    const params = { id: `bafyrei${'a'.repeat(52)}` };
    expect(await codeOf(member.client.call('getSubmission', { params }))).toBe('ERR_API_NOT_FOUND');
    expect((await member.client.call('getStatus')).outbox.waiting).toBe(0);
  });

  it('are told to who watches the project', async () => {
    const body = dr('watched');
    const pattern = 'ucxl://any:any@shop:any/any/*';
    const watch = leader.agentClient.watch({ match: pattern, opens: true });
    expect((await watch.next()).value).toEqual({ kind: 'open' });
    const { id } = await member.client.call('submit', { query: WAIT, body });
    const item = (await watch.next()).value as WatchItem;
    await watch.return();
    expect(item).toMatchObject({
      kind: 'event',
      event: { type: 'submission:commit', address: body.address, data: { id, version: 1 } },
    });
  });

  it('go in and come out by the command line', async () => {
    const file = join(mesh.folder, 'dr.json');
    writeFileSync(file, JSON.stringify(dr('typed')));
    const committed = await member.json<{ id: string }>('submit', 'dr', file, '--wait');
    expect(committed).toMatchObject({ state: 'committed', address: `${ADDRESS}/typed` });
    const args = ['submit', 'dr', '-', '--home', member.home];
    const again = await runCli(args, { input: JSON.stringify(dr('typed')) });
    expect(again).toMatchObject({ code: 0, stdout: `${committed.id}\n` });
    const one = await member.cli('submissions', committed.id);
    expect(one.stdout).toContain('title         Decision typed\n');
    const { submissions } = await member.json<{ submissions: { id: string }[] }>(
      ...['submissions', '--address', `${ADDRESS}/typed`],
    );
    expect(submissions.map(({ id }) => id)).toEqual([committed.id]);
    expect(await member.cli('submissions', 'bafyreia')).toMatchObject({ code: 3 });
    writeFileSync(file, '{');
    expect(await member.cli('submit', 'dr', file)).toMatchObject({ code: 2 });
  });
});
