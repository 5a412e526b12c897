/**
 * The documents can be typed as they stand. Goal: whoever copies an example gets what the page
 * shows. Method: on a mesh of one a page, the shell blocks marked `run` and `fails` are run in
 * order by a shell in which `cooee` is the built program, and the `text` block behind each is held
 * against what was printed. test/mesh/readme.test.ts does it for the README, which starts its nodes
 * itself.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf, missingLine } from './doc-blocks.ts';
import { MAIN, type TestHost, TestMesh } from './harness.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = ['docs/calls.md', 'docs/submissions.md', 'docs/ucxl.md'] as const;
/** The files that the examples name, by the kind of the JSON example that is in them. */
const FILES: Readonly<Record<string, string>> = { dr: 'decision.json', pr: 'pull.json' };

/** Runs a block as it stands; gives what it printed. */
async function type(block: Block, host: TestHost): Promise<{ failed: boolean; printed: string }> {
  const cooee = 'cooee() { "$NODE" "$MAIN" "$@"; }\n';
  const env = { ...process.env, NODE: process.execPath, MAIN, COOEE_HOME: host.home };
  return await new Promise((done) => {
    execFile(
      'bash',
      ['-euo', 'pipefail', '-c', cooee + block.script],
      { cwd: host.home, env: { ...env, NO_COLOR: '1' }, timeout: 60_000 },
      (error, stdout, stderr) => done({ failed: error !== null, printed: stdout + stderr }),
    );
  });
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

  it('has examples, and none that would stay', () => {
    expect(blocks.map(({ mode }) => mode)).toContain('run');
    expect(blocks.map(({ mode }) => mode)).not.toContain('daemon');
  });

  for (const block of blocks) {
    const [first = ''] = block.script.split('\n');
    it(`line ${block.line}: ${first}`, async () => {
      const { failed, printed } = await type(block, host);
      expect(failed, printed).toBe(block.mode === 'fails');
      expect(missingLine(block.shown, printed), printed).toBeUndefined();
    });
  }
});
