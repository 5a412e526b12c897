/**
 * Everything that has an address is read by it on every node, as it is and as it was. Goal: get,
 * history and watch say the same of agents, members, the leader's recipient and submissions
 * wherever they are asked. Method: two daemons; what one of them writes is read on the other, most
 * of it over the agent socket.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isCooeeError } from '../../protocols/interface/index.ts';
import { MAIN, type TestHost, TestMesh, until } from './harness.ts';

const WAIT = { wait: 'committed', timeoutMs: 20_000 } as const;
const SHOP = 'ucxl://any:architect@shop:checkout';
const ENROL = 'ucxl://any:admin@COOEE:enrol';
const LEADER = 'ucxl://any:admin@COOEE:slurp/#/leader';

const mesh = new TestMesh();
let lead: TestHost;
let alpha: TestHost;

beforeAll(async () => {
  [lead, alpha] = (await mesh.start('lead', 'alpha')) as [TestHost, TestHost];
}, 60_000);
afterAll(() => mesh.close());

/** Hands in a decision record on a node; gives its index. */
async function submit(host: TestHost, name: string, more: Record<string, unknown> = {}) {
  const body = { kind: 'dr' as const, address: `${SHOP}/#/${name}`, title: name, ...more };
  return (await host.client.call('submit', { query: WAIT, body })).index ?? 0;
}

/** Reads over the agent socket. */
const get = (host: TestHost, address: string, minIndex = 0) =>
  host.agentClient.call('getRecord', { query: { address, minIndex } });

const history = (host: TestHost, address: string, more: Record<string, unknown> = {}) =>
  host.agentClient.call('getHistory', { query: { address, ...more } });

async function refusalOf(task: Promise<unknown>) {
  try {
    await task;
    return undefined;
  } catch (error) {
    if (isCooeeError(error)) return error;
    throw error;
  }
}

describe('an agent', () => {
  it('is read by each of its names, and as it was before it retired', async () => {
    const enrolled = await alpha.json('enrol', '--model', 'llama3-70b', '--gpu', '3', '--wait');
    const token = String(enrolled['token']);
    const before = await get(lead, `ucxl://agentid:${token}`, Number(enrolled['index']));
    const { tinyHash, number } = before.value as { tinyHash: string; number: number };
    const address = `${ENROL}/#/agentid/${number}/3`;
    expect(before).toMatchObject({ address, kind: 'agent', version: 1, cause: 'agent:grant' });
    for (const name of [address, `ucxl://agentid:${tinyHash}`, `${ENROL}/#/agentid/${tinyHash}`]) {
      expect((await get(lead, name)).value).toEqual(before.value);
    }
    await alpha.json('retire', token);
    const now = await until('the other node knows', async () => {
      const found = await get(lead, address);
      return found.version === 2 && found;
    });
    expect(now).toMatchObject({ versions: 2, cause: 'agent:retire' });
    expect(now.value).toMatchObject({ retiredIndex: now.index });
    const past = await get(lead, `${ENROL}/~~/agentid/${number}/3`);
    expect(past).toMatchObject({ ...before, versions: 2 });
    const list = await get(alpha, `${ENROL}/#/agentid/${number}`, now.index);
    expect(list).toMatchObject({ version: 2, value: { agents: [{ token }] } });
  });
});

describe('a member', () => {
  it('has a version for each change of its role, and none for a start', async () => {
    const peer = await alpha.peer();
    const address = `ucxl://any:admin@COOEE:mesh/#/member/${peer}`;
    await lead.json('members', 'role', peer, 'curator');
    await alpha.end();
    await alpha.up();
    const { versions } = await until('the role is known', async () => {
      const found = await history(alpha, address);
      return found.versions.length === 2 && found;
    });
    expect(versions).toMatchObject([
      { version: 2, cause: 'member:role', value: { role: 'curator', name: 'alpha' } },
      { version: 1, cause: 'member:join', value: { role: 'member', name: 'alpha' } },
    ]);
    const there = await history(lead, address, { minIndex: versions[0]?.index });
    const roles = there.versions.map(({ index, cause }) => [index, cause]);
    expect(roles).toEqual(versions.map(({ index, cause }) => [index, cause]));
    const first = await lead.json('get', address.replace('#', '*~1'));
    expect(first).toMatchObject({ address, version: 1, value: { role: 'member' } });
  });
});

describe("the leader's recipient", () => {
  it('has a version for each term', async () => {
    const before = await get(alpha, LEADER);
    await lead.end();
    await lead.up();
    const now = await until('it leads again', async () => {
      const found = await get(alpha, LEADER);
      return found.version > before.version && found;
    });
    expect(now.value).toMatchObject({ recipient: (await lead.json('leader'))['recipient'] });
    const back = now.version - before.version;
    expect(await get(alpha, LEADER.replace('#', `~~${back}`))).toMatchObject({
      ...{ version: before.version, index: before.index, value: before.value },
    });
  });
});

describe('a submission', () => {
  it('is read in each of its versions, on the node that did not take it', async () => {
    await submit(alpha, 'a', { decision: 'one' });
    await submit(lead, 'a', { decision: 'two' });
    const index = await submit(alpha, 'a', { decision: 'three' });
    const read = async (temporal: string) => {
      const found = await get(lead, `${SHOP}/${temporal}/a`, index);
      const { content } = found.value as { content: { decision: string } };
      return [found.version, content.decision];
    };
    expect(await read('#')).toEqual([3, 'three']);
    expect(await read('~~')).toEqual([2, 'two']);
    expect(await read('~~2')).toEqual([1, 'one']);
    expect(await read('*~2')).toEqual([2, 'two']);
    const first = await history(lead, `${SHOP}/#/a`, { limit: 2 });
    expect(first.versions.map(({ version }) => version)).toEqual([3, 2]);
    const rest = await history(lead, `${SHOP}/#/a`, { cursor: first.cursor });
    expect(rest).toMatchObject({ versions: [{ version: 1, title: 'a' }], cursor: null });
  });

  it('that it never had is refused with how many there are', async () => {
    const index = await submit(lead, 'once');
    for (const temporal of ['~~', '^^', '*~2']) {
      expect(await refusalOf(get(alpha, `${SHOP}/${temporal}/once`, index))).toMatchObject({
        code: 'ERR_RECORDS_VERSION',
        details: { versions: 1 },
      });
    }
    const { code, stderr } = await alpha.cli('get', `${SHOP}/~~/once`);
    expect(code).toBe(3);
    expect(stderr).toContain('there is 1 version');
    expect((await refusalOf(get(alpha, `${SHOP}/#/never`)))?.code).toBe('ERR_API_NOT_FOUND');
    expect((await refusalOf(get(alpha, 'shop')))?.details).toMatchObject({ position: 0 });
  });

  it('is walked back to what it follows from', async () => {
    const by = (name: string, rel = 'influenced-by') => ({ rel, address: `${SHOP}/#/${name}` });
    await submit(alpha, 'root', { links: [by('leaf')] });
    await submit(lead, 'left', { links: [by('root')] });
    await submit(alpha, 'right', { links: [by('root', 'derived-from'), by('nowhere')] });
    const minIndex = await submit(lead, 'leaf', { links: [by('left'), by('right')] });
    const ask = (walk: string) => history(alpha, `${SHOP}/#/leaf`, { walk, minIndex });
    const some = await ask('influenced-by');
    const titles = some.versions.map(({ title, depth }) => `${depth} ${title}`);
    expect(titles).toEqual(['0 leaf', '1 left', '1 right', '2 root']);
    expect(some.links?.filter(({ to }) => to === undefined)).toMatchObject([
      { address: `${SHOP}/#/nowhere`, problem: 'ERR_API_NOT_FOUND' },
    ]);
    expect((await ask('derived-from')).versions).toHaveLength(1);
    expect((await ask('any')).links).toHaveLength(6);
    expect((await refusalOf(ask('influence-by')))?.code).toBe('ERR_API_QUERY');
    const { stdout } = await alpha.cli('history', `${SHOP}/#/leaf`, '--walk', 'influenced-by');
    expect(stdout).toMatch(/^2 +influenced-by +1 +root /m);
    expect(stdout).toMatch(/^influenced-by +ERR_API_NOT_FOUND /m);
  });
});

describe('cooee watch', () => {
  const children = new Set<ChildProcess>();
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  /** The JSON lines that a watch on a node has printed. */
  function watch(host: TestHost, pattern: string): () => Record<string, unknown>[] {
    const child = spawn(process.execPath, [MAIN, 'watch', pattern, '--json', '--home', host.home], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(child);
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    return () =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  it('tells of the records below a pattern, over a restart of its daemon', async () => {
    const lines = watch(alpha, `${SHOP}/#/watched/*`);
    // It has begun when it has seen something.
    await until('it watches', async () => {
      await submit(lead, 'watched/first', { decision: String(performance.now()) });
      return lines().length > 0;
    });
    await submit(lead, 'unwatched');
    await submit(lead, 'watched/a/b');
    const addresses = () => lines().map(({ address }) => address);
    const seen = (name: string) => addresses().includes(`${SHOP}/#/watched/${name}`);
    await until('it is told', () => seen('a/b'));
    await alpha.end();
    await submit(lead, 'watched/meanwhile');
    await alpha.up();
    await submit(lead, 'watched/after');
    await until('it goes on', () => seen('after'));
    // What came while its daemon was away is there, or it is said that something may be missing.
    expect(seen('meanwhile') || lines().some(({ type }) => type === 'gap')).toBe(true);
    expect(addresses()).not.toContain(`${SHOP}/#/unwatched`);
    expect(lines().every(({ type }) => type === 'gap' || type === 'submission:commit')).toBe(true);
  });
});
