import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invocationOf, packageVersion, shellWord } from '../../../../daemon/cli/invocation.ts';

// A checkout, and the same package as npm installs it: no .git, no tsconfig.json.
let root = '';

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'cooee-invocation-')));
  for (const at of ['checkout', 'lib/node_modules/cooee']) {
    await mkdir(join(root, at, 'dist/daemon'), { recursive: true });
    const manifest = JSON.stringify({ name: 'cooee', version: '9.8.7' });
    await writeFile(join(root, at, 'package.json'), manifest);
    await writeFile(join(root, at, 'dist/daemon/main.js'), '');
  }
  await writeFile(join(root, 'checkout/tsconfig.json'), '{}');
  await mkdir(join(root, 'checkout/docs'));
  await mkdir(join(root, 'bin'));
  await symlink(join(root, 'checkout/dist/daemon/main.js'), join(root, 'bin/linked'));
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

describe('invocationOf', () => {
  it.each([
    ['in a checkout', 'checkout/dist/daemon/main.js', 'checkout', 'npx cooee'],
    ['below a checkout', 'checkout/dist/daemon/main.js', 'checkout/docs', 'npx cooee'],
    ['installed', 'lib/node_modules/cooee/dist/daemon/main.js', 'checkout', 'cooee'],
    ['by a link in a checkout', 'bin/linked', 'checkout', 'npx cooee'],
    ['a script that is not there', 'nowhere', 'checkout', 'cooee'],
  ])('%s', (_, script, cwd, command) => {
    expect(invocationOf({ script: join(root, script), cwd: join(root, cwd) })).toBe(command);
  });

  it('names the script when the checkout is elsewhere', () => {
    const script = join(root, 'checkout/dist/daemon/main.js');
    expect(invocationOf({ script, cwd: root })).toBe(`node ${script}`);
  });
});

describe('packageVersion', () => {
  it('finds the package above, from source and from dist', () => {
    expect(packageVersion(join(root, 'checkout/dist/daemon'))).toBe('9.8.7');
    expect(packageVersion(join(root, 'bin'))).toBe('unknown');
  });
});

describe('shellWord', () => {
  it.each([
    ['/a/b-c_1', '/a/b-c_1'],
    ['a b', "'a b'"],
    ["it's", "'it'\\''s'"],
    ['', "''"],
    ['$(x)', "'$(x)'"],
  ])('%s', (text, word) => {
    expect(shellWord(text)).toBe(word);
  });
});
