/**
 * The documents can be typed as they stand. Goal: whoever copies an example gets what the page
 * shows. Method: on a mesh of one a page, the shell blocks marked `run` and `fails` are run in
 * order by a shell in which `cooee` is the built program, and the `text` block behind each is held
 * against what was printed; in one marked `daemon` each line stays until it is stopped.
 * test/mesh/readme.test.ts does it for the README, which starts its nodes itself.
 */
import { execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf, missingLine } from './doc-blocks.ts';
import { MAIN, type TestHost, TestMesh } from './harness.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = [
  'docs/calls.md',
  'docs/mcp.md',
  'docs/operations.md',
  'docs/submissions.md',
  'docs/ucxl.md',
] as const;
/** The files that the examples name, by the kind of the JSON example that is in them. */
const FILES: Readonly<Record<string, string>> = { dr: 'decision.json', pr: 'pull.json' };

/** What a command that was refused would not last. */
const STAYS_MS = 2_000;

/** Runs a block as it stands; gives what it printed. */
async function type(block: Block, host: TestHost): Promise<{ failed: boolean; printed: string }> {
  const cooee = 'cooee() { "$NODE" "$MAIN" "$@"; }\n';
  const env = { ...process.env, NODE: process.execPath, MAIN, COOEE_HOME: host.home };
  return await new Promise((done) => {
    execFile(
      'bash',
      ['-euo', 'pipefail', '-c', cooee + block.script],
      { cwd: host.home, env: { ...env, NO_COLOR: '1', HOME: host.home }, timeout: 60_000 },
      (error, stdout, stderr) => done({ failed: error !== null, printed: stdout + stderr }),
    );
  });
}

/** Runs a line that goes on for ever: it does, and complains of nothing. */
async function stays(script: string, host: TestHost): Promise<void> {
  const child = spawn('bash', ['-c', script.replace(/^cooee/, 'exec "$NODE" "$MAIN"')], {
    env: { ...process.env, NODE: process.execPath, MAIN, COOEE_HOME: host.home, NO_COLOR: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const ended = new Promise<'ended'>((done) => child.once('close', () => done('ended')));
  const timeUp = new Promise<'stays'>((done) => setTimeout(() => done('stays'), STAYS_MS));
  const outcome = await Promise.race([ended, timeUp]);
  child.kill('SIGKILL');
  await ended;
  expect([script, outcome, printed]).toEqual([script, 'stays', '']);
}

describe.each(PAGES)('%s', (page) => {
  const mesh = new TestMesh();
  const markdown = readFileSync(join(ROOT, page), 'utf8');
  const blocks = blocksOf(markdown);
  let host: TestHost;

  beforeAll(async () => {
    [host] = (await mesh.start('alpha')) as [TestHost];
    for (const [, json = ''] of markdown.matchAll(/^```json\n(.*?)^```$/gms)) {
      const file = FILES[(JSON.parse(json) as { kind?: string }).kind ?? ''];
      if (file !== undefined) writeFileSync(join(host.home, file), json);
    }
  }, 60_000);
  afterAll(() => mesh.close());

  it('has examples', () => {
    expect(blocks.map(({ mode }) => mode)).toContain('run');
  });

  for (const block of blocks) {
    const [first = ''] = block.script.split('\n');
    if (block.mode === 'daemon') {
      it(`line ${block.line}: ${first}`, async () => {
        for (const script of block.script.trim().split('\n')) await stays(script, host);
      });
      continue;
    }
    it(`line ${block.line}: ${first}`, async () => {
      const { failed, printed } = await type(block, host);
      expect(failed, printed).toBe(block.mode === 'fails');
      expect(missingLine(block.shown, printed), printed).toBeUndefined();
    });
  }
});
