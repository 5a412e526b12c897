import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CooeeClient } from '../../daemon/client/index.ts';
import { isCooeeError } from '../../protocols/interface/index.ts';
import { type TestHost, TestMesh, until } from './harness.ts';
import { hostWith, leaderOf, startVoters, without } from './voting.ts';

// Goal: what was accepted is committed exactly once, whoever dies or freezes in between, or refused
// with a code that its author can read; large contents and patches too.
// Method: three voters and real signals. Each case hands in something small, something large and a
// pull request with a patch; in the end every host is asked for all that was ever accepted.

const ADDRESS = 'ucxl://any:builder@shop:durability/#';
const WAIT = { wait: 'committed', timeoutMs: 30_000 } as const;

type Body = Parameters<typeof submitTo>[1];

const small = (name: string) => ({
  ...{ kind: 'dr' as const, address: `${ADDRESS}/${name}/small`, title: name, decision: name },
});
const large = (name: string) => ({
  ...{ kind: 'dr' as const, address: `${ADDRESS}/${name}/large`, title: name },
  context: `${name} `.repeat(20_000),
});
const patched = (name: string) => ({
  ...{ kind: 'pr' as const, address: `${ADDRESS}/${name}/pull`, title: name },
  ...{ repository: 'shop', base: 'main', head: name },
  patch: `+${name}\n`.repeat(30_000),
});
const allOf = (name: string): Body[] => [small(name), large(name), patched(name)];

async function submitTo(
  host: TestHost,
  body: ReturnType<typeof small> | ReturnType<typeof large> | ReturnType<typeof patched>,
  query: typeof WAIT | Record<string, never> = {},
) {
  return await host.client.call('submit', { query, body });
}

/** What was accepted: by id, with what it was. */
const accepted = new Map<string, Body>();

async function submitAll(host: TestHost, name: string): Promise<void> {
  for (const body of allOf(name)) {
    const { id, state } = await submitTo(host, body);
    expect(['accepted', 'committed']).toContain(state);
    accepted.set(id, body);
  }
}

async function committedAt(host: TestHost): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const query = { limit: 1_000, ...(cursor === null ? {} : { cursor }) };
    const page: Awaited<ReturnType<typeof list>> = await list(host, query);
    ids.push(...page.submissions.filter(({ index }) => index !== undefined).map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== null);
  return ids;
}

const list = (host: TestHost, query: { limit: number; cursor?: string }) =>
  host.client.call('listSubmissions', { query });

describe('submissions that were accepted', () => {
  const mesh = new TestMesh();
  let hosts: TestHost[] = [];

  const settled = async (): Promise<void> => {
    for (const host of hosts) {
      await until(`all are committed at ${host.name}`, async () => {
        const ids = await committedAt(host);
        return [...accepted.keys()].every((id) => ids.includes(id));
      });
    }
  };

  beforeAll(async () => {
    hosts = ['a', 'b', 'c'].map((name) => hostWith(mesh, name, {}));
    await startVoters(hosts, 3);
  }, 60_000);
  afterAll(() => mesh.close());

  it('while the leader is dead are committed by the next one', async () => {
    const leader = await leaderOf(hosts);
    const [follower] = without(hosts, leader) as [TestHost];
    await leader.end('SIGKILL');
    await submitAll(follower, 'dead-leader');
    await until('they are committed without it', async () => {
      const ids = await committedAt(follower);
      return [...accepted.keys()].every((id) => ids.includes(id));
    });
    await leader.up();
    await settled();
  }, 60_000);

  it('while the node is cut off are committed when it is back, and read before', async () => {
    const leader = await leaderOf(hosts);
    const [alone] = without(hosts, leader) as [TestHost];
    const frozen = without(hosts, alone);
    for (const host of frozen) host.signal('SIGSTOP');
    await submitAll(alone, 'cut-off');
    const { submissions } = await list(alone, { limit: 3 });
    expect(submissions.map(({ state }) => state)).toEqual(['accepted', 'accepted', 'accepted']);
    const [pull] = submissions;
    const params = { id: pull?.id ?? '' };
    const { patch } = await alone.client.call('getPatch', { params });
    expect(patch).toBe(patched('cut-off').patch);
    for (const host of frozen) host.signal('SIGCONT');
    await settled();
  }, 60_000);

  it('outlive a kill of the daemon that accepted them', async () => {
    const leader = await leaderOf(hosts);
    const [author] = without(hosts, leader) as [TestHost];
    // The others cannot have them yet.
    for (const host of without(hosts, author)) host.signal('SIGSTOP');
    await submitAll(author, 'dead-author');
    await author.end('SIGKILL');
    for (const host of without(hosts, author)) host.signal('SIGCONT');
    await author.up();
    await settled();
  }, 60_000);

  it('outlive a kill of the leader right after the commit, and of everything at once', async () => {
    const leader = await leaderOf(hosts);
    const [author] = without(hosts, leader) as [TestHost];
    const answers = await Promise.all(
      allOf('dead-after').map(async (body) => ({
        body,
        answer: await submitTo(author, body, WAIT),
      })),
    );
    await leader.end('SIGKILL');
    for (const { body, answer } of answers) {
      expect(answer.state).toBe('committed');
      accepted.set(answer.id, body);
    }
    await submitAll(author, 'dead-all');
    await Promise.all(hosts.map((host) => host.end('SIGKILL')));
    await Promise.all(hosts.map((host) => host.up()));
    await settled();
  }, 60_000);

  it('are on every host once, contents and patches too, however often handed in', async () => {
    const [first] = hosts as [TestHost];
    const body = large('twice');
    const answers = await Promise.all([1, 2, 3].map(() => submitTo(first, body, WAIT)));
    expect(new Set(answers.map(({ id, index }) => `${id} ${index}`)).size).toBe(1);
    accepted.set(answers[0]?.id ?? '', body);
    await settled();
    for (const host of hosts) {
      const ids = await committedAt(host);
      expect(new Set(ids).size).toBe(ids.length);
      for (const [id, { title, address, ...said }] of accepted) {
        const found = await until(`${id} is at ${host.name}`, () =>
          host.client.call('getSubmission', { params: { id } }),
        );
        expect(found).toMatchObject({ title, address, state: 'committed' });
        if ('context' in said) expect(found.content).toMatchObject({ context: said.context });
        if (!('patch' in said)) continue;
        const { patch } = await host.client.call('getPatch', { params: { id } });
        expect(patch).toBe(said.patch);
      }
    }
  }, 60_000);

  it('and cannot be taken are refused with a code that their author reads', async () => {
    const leader = await leaderOf(hosts);
    const [author] = without(hosts, leader) as [TestHost];
    const query = WAIT;
    const token = await until('the agent is enrolled', async () => {
      const { token: granted } = await author.client.call('enrolAgents', {
        query: { wait: 'committed', timeoutMs: 10_000 },
        body: { model: 'm' },
      });
      return granted;
    });
    const { ticket } = await author.client.call('createSession', { params: { token } });
    const { socketPath } = author.agentClient;
    const agentClient = new CooeeClient({ socketPath, ticket });
    for (const host of without(hosts, author)) host.signal('SIGSTOP');
    const { id } = await agentClient.call('submit', { body: large('refused') });
    await agentClient.close();
    await author.end('SIGKILL');
    for (const host of without(hosts, author)) host.signal('SIGCONT');
    const [other] = without(hosts, author, leader) as [TestHost];
    await until('the agent is retired', async () => {
      const { state } = await other.client.call('retireAgent', { params: { token }, query });
      return state === 'committed';
    });
    await author.up();
    const read = async () => {
      const found = await author.client.call('getSubmission', { params: { id } });
      return found.state === 'refused' && found;
    };
    const refused = await until('it is refused', read);
    expect(refused).toMatchObject({
      author: { agent: token },
      refusal: { code: 'ERR_MEMBERSHIP_FORBIDDEN', message: 'the agent is not of this node' },
    });
    await author.end();
    await author.up();
    expect(await read()).toEqual(refused);
    const { stdout } = await author.cli('submissions', id);
    expect(stdout).toContain('ERR_MEMBERSHIP_FORBIDDEN');
    const { submissions } = await author.client.call('listSubmissions', {
      query: { state: 'refused' },
    });
    expect(submissions.map((row) => row.id)).toEqual([id]);
    // Nobody else knows of it.
    const elsewhere = other.client.call('getSubmission', { params: { id } });
    expect(await elsewhere.catch((error) => isCooeeError(error, 'ERR_API_NOT_FOUND'))).toBe(true);
  }, 60_000);
});
