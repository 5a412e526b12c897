import { describe, expect, it } from 'vitest';
import { parse } from '../../../tidy/parse.ts';
import { isPure, reachFindings, useFindings } from '../../../tidy/rules/purity.ts';

describe('purity', () => {
  it.each([
    ['protocols/wire/codec.ts', true],
    ['protocols/wire/codec-batch.ts', true],
    ['protocols/slurp/state.ts', true],
    ['protocols/slurp/state-members.ts', true],
    ['protocols/membership/rules.ts', true],
    ['protocols/membership/reducer.ts', true],
    ['protocols/capability/compute-lease.ts', true],
    ['protocols/slurp/machine.ts', true],
    ['protocols/raft/anything.ts', true],
    ['protocols/agent-id/tuple.ts', true],
    ['protocols/slurp/service.ts', false],
    ['protocols/slurp/stateful.ts', false],
    ['storage/state.ts', false],
  ])('%s is pure: %s', (path, expected) => expect(isPure(path)).toBe(expected));

  it.each([
    ['async function a() {}', 'async'],
    ['const a = new Date();', 'Date'],
    ['const a = Math.random();', 'Math.random'],
    ['setTimeout(() => {}, 1);', 'setTimeout'],
    ['const a = process.env;', 'process'],
    ['const a = globalThis.crypto;', 'globalThis'],
  ])('refuses in a pure file: %s', (text, name) => {
    const files = parse([{ path: 'protocols/wire/codec.ts', text }]);
    expect(useFindings(files).map((found) => found.message)).toEqual([
      `a pure file uses no ${name}`,
    ]);
  });

  it('lets a service be asynchronous, but not read the clock', () => {
    const path = 'protocols/slurp/service.ts';
    const used = (text: string): number => useFindings(parse([{ path, text }])).length;
    expect(used('async function a() { await b(); }')).toBe(0);
    expect(used('const a = Date.now();')).toBe(1);
    expect(used('setInterval(() => {}, 1);')).toBe(1);
  });

  it('follows values, not types, to node:* and libp2p', () => {
    const tree = (index: string): number =>
      reachFindings(
        parse([
          { path: 'protocols/x/codec.ts', text: "import { a } from './messages.ts';" },
          { path: 'protocols/x/messages.ts', text: index },
          { path: 'protocols/x/service.ts', text: "import { b } from '@libp2p/utils';" },
        ]),
      ).length;
    expect(tree("import { createHash } from 'node:crypto';")).toBe(1);
    expect(tree("import { b } from './service.ts';")).toBe(1);
    expect(tree("import type { B } from './service.ts';")).toBe(0);
    expect(tree("import { z } from 'zod';")).toBe(0);
  });
});
