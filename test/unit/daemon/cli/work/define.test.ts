import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PEER_A, run } from '../fake-host.ts';

// Commands about submissions, through their real definitions, against a fake daemon.

const folder = mkdtempSync(join(tmpdir(), 'cooee-work-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ADDRESS = 'ucxl://any@p:t/#/x';
const DR = { kind: 'dr', address: ADDRESS, title: 'T' };
const accepted = { id: 'bafyreia', address: ADDRESS, state: 'accepted' };
const committed = { ...accepted, state: 'committed', index: 9 };
const row = {
  id: 'bafyreia',
  kind: 'dr',
  address: ADDRESS,
  title: 'Use \u001b[31ma queue',
  author: { peer: PEER_A },
  state: 'committed',
  acceptedAt: '2026-11-21T11:59:40.000Z',
  committedAt: '2026-11-21T11:59:48.000Z',
  index: 9,
  version: 2,
};
const content = {
  ...DR,
  status: 'accepted',
  context: 'Two lines,\nthis one last.',
  options: [{ title: 'A queue', pros: [], cons: [], chosen: true }],
  decision: 'A queue.',
  rationale: '',
  consequences: [],
  links: [{ rel: 'supersedes', address: ADDRESS }],
};

describe('submit', () => {
  it('hands in a file, and fills in the kind', async () => {
    const file = join(folder, 'dr.json');
    writeFileSync(file, JSON.stringify({ address: ADDRESS, title: 'T' }));
    const answers = { submit: () => accepted };
    const { exit, stdout, stderr, calls } = await run(['submit', 'dr', file], { answers });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'bafyreia\n' });
    expect(stderr).toContain('accepted; cooee submissions bafyreia');
    expect(calls[0]?.input).toEqual({ query: {}, body: DR });
  });

  it('reads stdin, waits, and prints the answer as JSON', async () => {
    const answers = { submit: () => committed };
    const stdin = JSON.stringify(DR);
    const args = ['submit', 'dr', '-', '--wait', '--json'];
    const { exit, stdout, calls } = await run(args, { answers, stdin });
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toEqual(committed);
    expect(calls[0]?.input).toEqual({ query: { wait: 'committed', timeoutMs: 60_000 }, body: DR });
  });

  it('ends with 6 when the wait is over before the commit', async () => {
    const answers = { submit: () => accepted };
    const init = { answers, stdin: JSON.stringify(DR) };
    const { exit, stdout, stderr } = await run(['submit', 'dr', '-', '--wait'], init);
    expect({ exit, stdout }).toEqual({ exit: 6, stdout: 'bafyreia\n' });
    expect(stderr).toContain('not committed yet');
  });

  it.each([
    ['a file that is not there', ['submit', 'dr', join(folder, 'none')], ''],
    ['what is no JSON', ['submit', 'dr', '-'], '{"kind":'],
    ['what is no object', ['submit', 'dr', '-'], '[]'],
    ['another kind', ['submit', 'memo', '-'], '{}'],
    ['a file of the other kind', ['submit', 'dr', '-'], '{"kind":"pr"}'],
    ['no file', ['submit', 'dr'], '{}'],
  ])('is a usage error for %s', async (_, args, stdin) => {
    const { exit, calls } = await run(args, { answers: { submit: () => accepted }, stdin });
    expect({ exit, calls }).toEqual({ exit: 2, calls: [] });
  });
});

describe('submit of what cannot be sent as it is', () => {
  const deep = `{"x":${'['.repeat(5_000)}${']'.repeat(5_000)}}`;

  it.each([
    ['a number that is too large', '{"x":1e400}', 'has a number that is too large'],
    ['__proto__', '{"x":{"__proto__":{}}}', 'has a field with the name __proto__'],
    ['5,000 levels', deep, 'is nested too deeply'],
    ['bytes that are not UTF-8', Buffer.from('{"x":"\u00e9"}', 'latin1'), 'is not UTF-8'],
  ])('refuses %s', async (_what, bytes, why) => {
    const file = join(folder, 'odd.json');
    writeFileSync(file, bytes);
    // What the real client does with a body.
    const submit = (input: unknown) => JSON.stringify(input) && accepted;
    const { exit, stderr, calls } = await run(['submit', 'dr', file], { answers: { submit } });
    expect([exit, calls]).toEqual([2, []]);
    expect(stderr).toContain(`${file} ${why}\n`);
  });
});

describe('submissions', () => {
  it('lists them safely', async () => {
    const answers = { listSubmissions: () => ({ submissions: [row], cursor: null }) };
    const args = ['submissions', '--state', 'committed', '--author', PEER_A];
    const { exit, stdout, calls } = await run(args, { answers });
    expect(exit).toBe(0);
    expect(stdout).toBe(`ID        KIND  STATE      WHEN      TITLE        ADDRESS
bafyreia  dr    committed  12 s ago  Use a queue  ucxl://any@p:t/#/x
`);
    expect(calls[0]?.input).toEqual({ query: { state: 'committed', author: PEER_A, limit: 100 } });
  });

  it('pages through until the limit, and says when there are more', async () => {
    const answers = { listSubmissions: () => ({ submissions: [row], cursor: 'committed.4' }) };
    const { stdout, stderr, calls } = await run(['submissions', '--limit', '2'], { answers });
    expect(stdout.split('\n')).toHaveLength(4);
    expect(stderr).toContain('there are more');
    expect(calls.map(({ input }) => input)).toEqual([
      { query: { limit: 2 } },
      { query: { limit: 1, cursor: 'committed.4' } },
    ]);
  });

  it('is an empty list for scripts and a word for people', async () => {
    const answers = { listSubmissions: () => ({ submissions: [], cursor: null }) };
    const people = await run(['submissions'], { answers });
    expect(people).toMatchObject({ exit: 0, stdout: '', stderr: 'cooee: no such submissions\n' });
    const script = await run(['submissions', '--json'], { answers });
    expect(JSON.parse(script.stdout)).toEqual({ submissions: [], cursor: null });
  });

  it('shows one with all that it says', async () => {
    const answers = { getSubmission: () => ({ ...row, content }) };
    const { exit, stdout, calls } = await run(['submissions', 'bafyreia'], { answers });
    expect(exit).toBe(0);
    expect(calls[0]?.input).toEqual({ params: { id: 'bafyreia' } });
    expect(stdout).toContain('title         Use a queue\n');
    expect(stdout).toContain('context       Two lines,\n              this one last.\n');
    expect(stdout).toContain('options       * A queue\n');
    expect(stdout).toContain('rationale     -\n');
    expect(stdout).toContain(`links         supersedes ${ADDRESS}\n`);
  });

  it('shows a pull request, its decision, and links that lead nowhere yet', async () => {
    const decision = {
      ...{ as: 'merged', why: 'Good.', at: '2026-11-21T12:00:00.000Z', index: 12, version: 2 },
      by: { peer: PEER_A, human: 'Ada' },
    };
    const before = { ...decision, as: 'rejected', version: 1 };
    const pull = {
      ...{ ...DR, kind: 'pr', repository: 'r', base: 'main', head: 'h', summary: '', commits: [] },
      ...{
        diffstat: '',
        patch: { cid: 'c', bytes: 7 },
        tests: { passed: 3, failed: 1 },
        links: [],
      },
    };
    const links = [{ rel: 'derived-from', address: ADDRESS, state: 'unresolved' }];
    const found = { ...row, kind: 'pr', state: 'decided', decision, decisions: [decision, before] };
    const answers = { getSubmission: () => ({ ...found, content: pull, links }) };
    const { stdout } = await run(['submissions', 'bafyreia'], { answers });
    expect(stdout).toContain(`decided     merged, 2026-11-21T12:00:00.000Z, by Ada (${PEER_A})\n`);
    expect(stdout).toContain('why         Good.\n');
    expect(stdout).toContain('before      rejected, 2026-11-21T12:00:00.000Z\n');
    expect(stdout).toContain('tests       3 passed, 1 failed\n');
    expect(stdout).toContain(`links       derived-from ${ADDRESS} (nothing is there yet)\n`);
  });

  it('shows a refused one with its code, and no content', async () => {
    const refusal = { code: 'ERR_SUBMISSION_QUOTA', message: 'Too much.', at: row.acceptedAt };
    const { committedAt: _c, index: _i, version: _v, ...rest } = row;
    const answers = { getSubmission: () => ({ ...rest, state: 'refused', refusal }) };
    const { exit, stdout } = await run(['submissions', 'bafyreia'], { answers });
    expect(exit).toBe(0);
    expect(stdout).toContain('refused    ERR_SUBMISSION_QUOTA: Too much.\n');
    expect(stdout).not.toContain('rationale');
  });

  it('prints a patch as it was handed in', async () => {
    const patch = '+\u001b[31m\r\n';
    const answers = { getPatch: () => ({ id: 'bafyreia', cid: 'c', bytes: 9, patch }) };
    const { exit, stdout, calls } = await run(['submissions', 'bafyreia', '--patch'], { answers });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: patch });
    expect(calls[0]?.input).toEqual({ params: { id: 'bafyreia' } });
    expect((await run(['submissions', '--patch'], { answers })).exit).toBe(2);
  });
});

describe('submit --schema', () => {
  it.each([
    [['submit', '--schema', 'dr'], 'Decision record'],
    [['submit', '--schema', 'pr'], 'Pull request'],
    [['submit', 'pr', '--schema'], 'Pull request'],
  ])('prints it without a daemon: %s', async (args, title) => {
    const { exit, stdout, calls } = await run(args, { answers: {} });
    expect({ exit, calls }).toEqual({ exit: 0, calls: [] });
    expect(JSON.parse(stdout)).toMatchObject({ title, additionalProperties: false });
  });

  it.each([[['submit', '--schema']], [['submit', '--schema', 'memo']]])(
    'needs a kind: %s',
    async (args) => {
      expect((await run(args, { answers: {} })).exit).toBe(2);
    },
  );
});

describe('decide', () => {
  const done = { id: 'bafyreia', state: 'committed', index: 9, decision: { as: 'merged' } };
  const words = ['decide', 'bafyreia', '--as', 'merged', '--why', 'Good.'];

  it('hands the word and the reason in, and waits', async () => {
    const answers = { decideSubmission: () => done };
    const { exit, stdout, calls } = await run([...words, '--by', 'Ada'], { answers });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'bafyreia merged\n' });
    expect(calls[0]?.input).toEqual({
      params: { id: 'bafyreia' },
      query: { wait: 'committed', timeoutMs: 60_000 },
      body: { as: 'merged', why: 'Good.', by: 'Ada' },
    });
  });

  it('names the decision that it replaces', async () => {
    const decision = { version: 3 };
    const answers = { decideSubmission: () => done, getSubmission: () => ({ ...row, decision }) };
    const { exit, calls } = await run([...words, '--instead'], { answers });
    expect(exit).toBe(0);
    expect(calls[1]?.input).toMatchObject({ body: { replaces: 3 } });
    const none = { ...answers, getSubmission: () => row };
    expect((await run([...words, '--instead'], { answers: none })).exit).toBe(2);
  });

  it('ends with 6 when the wait is over before the commit, and needs word and reason', async () => {
    const answers = { decideSubmission: () => ({ id: 'bafyreia', state: 'accepted' }) };
    expect((await run(words, { answers })).exit).toBe(6);
    expect((await run(words.slice(0, 4), { answers })).exit).toBe(2);
  });
});
