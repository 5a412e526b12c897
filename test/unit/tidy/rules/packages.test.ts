import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Lock,
  lockFindings,
  type Manifest,
  manifestFindings,
} from '../../../tidy/rules/packages.ts';

const GOOD: Lock['packages'] = {
  '': { version: '0.1.0' },
  'node_modules/@libp2p/gossipsub': { version: '17.1.0' },
  'node_modules/@libp2p/kad-dht': { version: '16.4.5' },
  'node_modules/libp2p': { version: '3.10.0' },
};
const locked = (more: Lock['packages']): readonly string[] =>
  lockFindings({ packages: { ...GOOD, ...more } }).map((found) => found.message);

describe('lock file', () => {
  it('passes at the floor', () => expect(locked({})).toEqual([]));

  it.each([
    ['node_modules/@libp2p/gossipsub', '17.0.9'],
    ['node_modules/@libp2p/kad-dht', '16.4.4'],
    ['node_modules/libp2p', '3.3.10'],
    ['node_modules/libp2p', '3.3.11-rc.1'],
    ['node_modules/other/node_modules/libp2p', '2.9.0'],
  ])('refuses %s %s', (path, version) => {
    expect(locked({ [path]: { version } })).toEqual([expect.stringContaining('is below')]);
  });

  it('misses a package with a floor', () => {
    expect(lockFindings({ packages: {} })).toHaveLength(3);
  });

  it('refuses the package that fails silently, nested or not', () => {
    const path = 'node_modules/a/node_modules/@chainsafe/libp2p-gossipsub';
    expect(locked({ [path]: { version: '14.1.2' } })).toHaveLength(1);
  });

  it('refuses other hosts', () => {
    const resolved = 'https://mirror.example.org/zod.tgz';
    expect(locked({ 'node_modules/zod': { resolved } })).toHaveLength(1);
    expect(locked({ 'node_modules/zod': { resolved: 'file:../zod' } })).toHaveLength(1);
  });
});

describe('package.json', () => {
  const present = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;

  it.each<[string, Manifest]>([
    ['type', { type: 'commonjs' }],
    ['license', { license: 'MIT' }],
    ['engines', { engines: { node: '>=20' } }],
    ['bin', { bin: { cooee: 'daemon/main.ts' } }],
    ['files', { files: ['src'] }],
    [
      'start without exec',
      { scripts: { ...present.scripts, start: 'node dist/daemon/main.js up' } },
    ],
    ['prepare without its guard', { scripts: { ...present.scripts, prepare: 'npm run build' } }],
    ['a range', { dependencies: { zod: '^4.0.0' } }],
    ['an unsorted table', { dependencies: { zod: '4.0.0', libp2p: '3.3.11' } }],
    ['no node', { devDependencies: {} }],
  ])('refuses %s', (_, change) => {
    const before = manifestFindings(present).length;
    expect(manifestFindings({ ...present, ...change }).length).toBe(before + 1);
  });
});
