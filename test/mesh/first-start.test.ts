import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, TestMesh, until } from './harness.ts';
import { Stopwatch } from './stopwatch.ts';

// A first start that gets no further than half-way: what it made is whole, or there is nothing.

let mesh: TestMesh;

beforeAll(() => {
  mesh = new TestMesh();
});
afterAll(async () => {
  await mesh.close();
});

const keyOf = (host: TestHost): string => readFileSync(join(host.home, 'RECOVERY-KEY'), 'utf8');

const hasMeshFile = (host: TestHost): boolean => existsSync(join(host.home, 'mesh/mesh.json'));

async function expectNamed(host: TestHost): Promise<void> {
  const key = keyOf(host);
  expect(key).toMatch(/^cooee-recovery1[a-z2-7]+\n$/u);
  host.stderr = '';
  await host.up();
  await until('it names the file', () => host.stderr.includes('/RECOVERY-KEY; move it off'));
  expect(keyOf(host)).toBe(key);
  await host.end();
}

describe('the recovery key of a mesh', () => {
  it('can be found when the first start could not listen, and the next names it', async () => {
    const host = mesh.host('deaf');
    host.spawn('--listen', '/ip4/8.8.8.8/tcp/27021');
    expect(await host.exited).toBe(1);
    expect(hasMeshFile(host)).toBe(true);
    await expectNamed(host);
  });

  it.each(['SIGKILL', 'SIGINT'] as const)(
    'can be found after %s in the first start',
    async (it) => {
      const host = mesh.host(`ended-by-${it.toLowerCase()}`);
      host.spawn();
      await until('it has a mesh', () => hasMeshFile(host));
      await host.end(it);
      await expectNamed(host);
    },
  );

  it('is set aside when it is of no mesh that the home has', async () => {
    const host = mesh.host('moved');
    await host.up();
    await host.end();
    const key = keyOf(host);
    renameSync(join(host.home, 'mesh'), join(host.home, 'moved'));
    await host.up();
    await host.end();
    expect(keyOf(host)).not.toBe(key);
    const [kept = ''] = readdirSync(join(host.home, 'old'));
    expect(readFileSync(join(host.home, 'old', kept, 'RECOVERY-KEY'), 'utf8')).toBe(key);
  });
});

describe('a start that hangs', () => {
  it('ends at the second signal, and two at one time are one', async () => {
    const host = mesh.host('hanging');
    mkdirSync(host.home, { mode: 0o700 });
    // Nobody ever writes into this.
    execFileSync('mkfifo', [join(host.home, 'FORMAT')]);
    host.spawn();
    await until('it holds the home', () => existsSync(join(host.home, 'pid')));
    for (const _ of [1, 2]) host.signal('SIGTERM');
    const early = new Promise((done) => setTimeout(done, 700, 'still there'));
    expect(await Promise.race([host.exited, early])).toBe('still there');
    const watch = new Stopwatch();
    expect(await host.end('SIGTERM')).toBe(null);
    await watch.expectWithin(1_000, 'the end at the second signal');
  });
});
