// Goal: an entry can be proved to somebody who has nothing but an anchor, and a log can be checked
// from the disk. Method: real daemons; proofs cross by file; bytes are flipped in files and logs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, type TestHost, TestMesh, until } from './harness.ts';

const mesh = new TestMesh();
let alpha: TestHost;
let beta: TestHost;
let invite: string;
const file = (name: string): string => join(mesh.folder, name);

interface ProofFile {
  index: number;
  entry: string;
  head: string;
  path: string[];
}

beforeAll(async () => {
  [alpha] = (await mesh.start('alpha')) as [TestHost];
  for (let i = 0; i < 20; i++) await alpha.invite();
  invite = await alpha.invite();
  beta = mesh.host('beta');
  await beta.up('--join', invite);
});
afterAll(() => mesh.close());

const proofOf = async (host: TestHost, index: number): Promise<ProofFile> => {
  const proof = await host.json<ProofFile>('log', 'proof', String(index));
  writeFileSync(file(`proof-${index}.json`), JSON.stringify(proof));
  return proof;
};
const verify = async (name: string, ...args: readonly string[]) =>
  await runCli(['verify', file(name), ...args]);

describe('a proof', () => {
  it('made on one host verifies anywhere, from the anchor in an invite', async () => {
    const { slurp } = await beta.client.call('getStatus', {});
    for (const index of [1, 7, slurp.appliedIndex]) {
      await proofOf(beta, index);
      writeFileSync(file('invite.txt'), `${invite}\n`);
      const shown = await verify(
        `proof-${index}.json`,
        '--anchor',
        `@${file('invite.txt')}`,
        '--json',
      );
      expect(shown).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(shown.stdout)).toMatchObject({ ok: true, anchored: true, index });
    }
  });

  it('says without an anchor that it is unanchored', async () => {
    await proofOf(alpha, 7);
    const { code, stdout, stderr } = await verify('proof-7.json');
    expect({ code, stdout, stderr }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('unanchored'),
      stderr: expect.stringContaining('--anchor'),
    });
  });

  it('with a changed byte is refused, exit 4, with the reason', async () => {
    const proof = await proofOf(alpha, 7);
    const bend = (text: string): string => {
      const bytes = Buffer.from(text, 'base64');
      bytes[bytes.length - 20] = (bytes[bytes.length - 20] as number) ^ 1;
      return bytes.toString('base64');
    };
    const rows: [string, object][] = [
      ['malformed|batch|path', { ...proof, entry: bend(proof.entry) }],
      ['signature|foreign|malformed', { ...proof, head: bend(proof.head) }],
      ['path', { ...proof, path: [bend(proof.path[0] as string), ...proof.path.slice(1)] }],
      ['index', { ...proof, index: 8 }],
      ['malformed', { v: 1 }],
    ];
    for (const [reason, changed] of rows) {
      writeFileSync(file('changed.json'), JSON.stringify(changed));
      const { code, stderr } = await verify('changed.json', '--json');
      const { error } = JSON.parse(stderr) as { error: object };
      expect({ code, error }).toMatchObject({
        code: 4,
        error: { code: 'ERR_SLURP_PROOF', details: { reason: expect.stringMatching(reason) } },
      });
    }
  });

  it('of one mesh is refused by who trusts another', async () => {
    const other = mesh.host('other');
    await other.up();
    await proofOf(alpha, 7);
    const { code, stderr } = await verify('proof-7.json', '--anchor', await other.invite());
    expect({ code, stderr }).toMatchObject({ code: 4, stderr: expect.stringContaining('foreign') });
    await other.end();
  });

  it('of an entry that is not there is not made: exit 3', async () => {
    expect(await beta.cli('log', 'proof', '100000')).toMatchObject({ code: 3 });
    expect(await beta.cli('log', 'proof', 'x')).toMatchObject({ code: 2 });
    expect(await runCli(['verify', file('nothing.json')])).toMatchObject({ code: 2 });
  });
});

describe('the log', () => {
  it('is shown whole, and by actor and kind, the same on every host', async () => {
    const peer = await beta.peer();
    const lines = async (host: TestHost, ...args: readonly string[]) =>
      (await host.cli('log', '--json', ...args)).stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { index: number; origin: string });
    await until('both have the same log', async () => {
      const [a, b] = [await lines(alpha), await lines(beta)];
      return a.length === b.length && JSON.stringify(a) === JSON.stringify(b);
    });
    const all = await lines(alpha);
    expect(all.map(({ index }) => index)).toEqual(all.map((_, i) => i + 1));
    expect((await lines(alpha, '--from', '5'))[0]?.index).toBe(5);
    expect(await lines(alpha, '--kind', 'invite.issue')).toHaveLength(21);
    const ofBeta = await lines(alpha, '--actor', peer);
    expect(ofBeta.length).toBeGreaterThan(0);
    expect(ofBeta).toEqual(all.filter(({ origin }) => origin === peer));
    expect((await alpha.cli('log', '--kind', 'mesh.*')).stdout).toContain('mesh.genesis');
  });

  it('verifies from the disk on the leader and on a follower', async () => {
    for (const host of [alpha, beta]) {
      const shown = await host.json<{ ok: boolean; from: number; to: number }>('log', '--verify');
      expect(shown).toMatchObject({ ok: true, from: 1 });
      expect(shown.to).toBeGreaterThan(22);
    }
  });

  it('with a bit flipped on the disk under a running daemon is found out', async () => {
    const folder = join(beta.home, 'mesh', 'log');
    const segment =
      readdirSync(folder).find((name) => name.endsWith('.log')) ?? readdirSync(folder)[0];
    const path = join(folder, segment as string);
    const bytes = readFileSync(path);
    const end = bytes.findLastIndex((byte) => byte !== 0);
    const place = Math.floor(end / 2);
    bytes[place] = (bytes[place] as number) ^ 1;
    writeFileSync(path, bytes);
    const { code, stderr } = await beta.cli('log', '--verify', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'ERR_STORAGE_DAMAGED', details: { index: expect.any(Number) } },
    });
    // What was proved before still stands: proofs come from others too.
    expect(await alpha.cli('log', '--verify')).toMatchObject({ code: 0 });
  });

  it('cannot be verified without a daemon, and says so: exit 5', async () => {
    const nobody = mesh.host('nobody');
    expect(await nobody.cli('log', '--verify')).toMatchObject({ code: 5 });
  });
});
