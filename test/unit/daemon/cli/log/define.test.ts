import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../../daemon/system/crypto.ts';
import { formatInvite } from '../../../../../protocols/membership/index.ts';
import { anchorAt } from '../../../slurp/heads/voters.ts';
import { MESH } from '../../../slurp/mesh-world.ts';
import { formatAnchor } from '../../../slurp/proof/anchor-line.ts';
import { LENGTH, prover, records, votersAt } from '../../../slurp/proof/fixture.ts';
import { member, PEER_A, PEER_B, run } from '../fake-host.ts';

// Commands about the log, through their real definitions, against a fake daemon.

const entry = (index: number) => ({
  index,
  term: 2,
  time: '2026-11-21T12:00:00.000Z',
  origin: PEER_A,
  commands: [
    {
      id: 'c1',
      kind: 'mesh.settings',
      actor: { peer: PEER_A, agent: '458RV' },
      time: '2026-11-21T12:00:00.000Z',
      body: { name: 'x\u001b[2J' },
    },
  ],
});
const page = (indices: readonly number[], next: number | null) => ({
  entries: indices.map(entry),
  next,
  firstIndex: 1,
  lastIndex: 9,
});

describe('log', () => {
  it('shows page after page, safe for a terminal', async () => {
    const pages = [page([3, 4], 5), page([], 7), page([7], null)];
    const answers = { readLog: () => pages.shift() };
    const { exit, stdout, calls } = await run(['log', '--from', '3'], { answers });
    expect(exit).toBe(0);
    expect(stdout.split('\n')).toHaveLength(4);
    expect(stdout).toContain(`mesh.settings  ${PEER_A} 458RV`);
    expect(stdout).not.toContain('\u001b');
    expect(calls.map(({ input }) => input)).toEqual(
      [3, 5, 7].map((from) => ({ query: { limit: 500, from } })),
    );
  });

  it('prints one entry a line for scripts', async () => {
    const { stdout } = await run(['log', '--json'], {
      answers: { readLog: () => page([1, 2], null) },
    });
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { index: number }).index)).toEqual([1, 2]);
  });

  it('asks for a kind, and for a node by its name or an agent by its token', async () => {
    const answers = {
      listMembers: () => ({ members: [member({ name: 'beta', peer: PEER_B })] }),
      readLog: () => page([], null),
    };
    const asked = async (...args: readonly string[]) =>
      (await run(['log', ...args], { answers })).calls.at(-1)?.input;
    const query = { limit: 500 };
    expect(await asked('--kind', 'agent.*')).toEqual({ query: { ...query, kind: 'agent.*' } });
    expect(await asked('--actor', 'beta')).toEqual({ query: { ...query, actor: PEER_B } });
    expect(await asked('--actor', PEER_A)).toEqual({ query: { ...query, actor: PEER_A } });
    expect(await asked('--actor', '458RV')).toEqual({ query: { ...query, actor: '458RV' } });
  });

  it('refuses a place that is no number: exit 2', async () => {
    expect((await run(['log', '--from', 'x'], { answers: {} })).exit).toBe(2);
    expect((await run(['log', 'proof', '0'], { answers: {} })).exit).toBe(2);
  });
});

describe('log --verify', () => {
  const verified = (size: number) => ({ from: 1, size, peaks: [] });

  it('goes on until all is verified', async () => {
    const head = { index: 9, signatures: 2 };
    const steps = [
      { verified: verified(4), done: false },
      { verified: verified(9), done: true, head },
    ];
    const { exit, stdout, calls } = await run(['log', '--verify'], {
      answers: { verifyLog: () => steps.shift() },
    });
    expect(exit).toBe(0);
    expect(stdout).toContain('entries 1 to 9 verified');
    expect(stdout).toContain('signed by 2 voters');
    expect(calls.map(({ input }) => input)).toEqual([
      { body: {} },
      { body: { verified: verified(4) } },
    ]);
  });

  it('says where it is wrong', async () => {
    const problem = { index: 5, code: 'ERR_SLURP_SIGNATURE', text: 'not signed by its origin' };
    const { exit, stderr } = await run(['log', '--verify', '--json'], {
      answers: { verifyLog: () => ({ verified: verified(4), done: true, problem }) },
    });
    expect(exit).toBe(4);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'ERR_SLURP_SIGNATURE', details: { index: 5 } },
    });
  });
});

describe('verify', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cooee-verify-'));
  const file = join(folder, 'proof.json');
  const anchor = anchorAt(records, 200, votersAt(200));
  let text: string;
  beforeAll(async () => {
    const { proofs } = await prover();
    text = JSON.stringify(await proofs.make(77));
    writeFileSync(file, text);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('needs no daemon, and says that it had no anchor', async () => {
    const { exit, stdout, stderr, calls } = await run(['verify', file]);
    expect({ exit, calls }).toEqual({ exit: 0, calls: [] });
    expect(stdout).toContain('yes, unanchored');
    expect(stderr).toContain('give --anchor');
  });

  it('takes an anchor as a line, a file, or an invite, and the proof from stdin', async () => {
    const line = formatAnchor(anchor);
    const invite = formatInvite(nodeCrypto.sha256, {
      mesh: MESH,
      addresses: ['/ip4/127.0.0.1/tcp/1'],
      anchor,
      seed: new Uint8Array(32),
      expiresMs: 1,
    });
    writeFileSync(join(folder, 'anchor'), `${line}\n`);
    for (const given of [line, `@${join(folder, 'anchor')}`, invite]) {
      const args = ['verify', '-', '--anchor', given, '--json'];
      const { exit, stdout, stderr } = await run(args, { stdin: text });
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject({
        ok: true,
        anchored: true,
        index: 77,
        head: { index: LENGTH },
      });
    }
  });

  it.each([
    ['another file', '{"v":1}', [], 4],
    ['no JSON', 'proof', [], 4],
    ['nothing', '', [], 4],
    ['an anchor that is none', '{}', ['--anchor', '12'], 2],
    ['a mangled invite', '{}', ['--anchor', `cooee1${'a2'.repeat(40)}`], 2],
  ])('refuses %s', async (_name, stdin, args, exit) => {
    expect((await run(['verify', '-', ...args], { stdin })).exit).toBe(exit);
  });

  it('says when the file cannot be read: exit 2', async () => {
    const { exit, stderr } = await run(['verify', join(folder, 'none')]);
    expect(exit).toBe(2);
    expect(stderr).toContain('ENOENT');
  });
});
