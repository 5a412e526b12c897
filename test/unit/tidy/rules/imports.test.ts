import { describe, expect, it } from 'vitest';
import { parse } from '../../../tidy/parse.ts';
import { importFindings } from '../../../tidy/rules/imports.ts';

const PACKAGES = new Set(['zod', 'classic-level', 'libp2p', '@libp2p/utils', 'fastify']);

function messages(path: string, text: string): readonly string[] {
  return importFindings(parse([{ path, text }]), PACKAGES).map((found) => found.message);
}

describe('import table', () => {
  it.each([
    ['protocols/interface/a.ts', "import type { A } from '../wire/index.ts';"],
    ['protocols/wire/a.ts', "import type { A } from '../membership/index.ts';"],
    ['protocols/raft/a.ts', "import { a } from '../wire/index.ts';"],
    ['protocols/membership/rules.ts', "import { a } from '../enrolment/index.ts';"],
    ['protocols/membership/service.ts', "import { a } from '../slurp/index.ts';"],
    ['protocols/membership/service.ts', "import { a } from '../../storage/index.ts';"],
    ['protocols/membership/service.ts', "import type { A } from '../../daemon/node.ts';"],
    ['storage/a.ts', "import { a } from '../protocols/membership/index.ts';"],
    ['bootstrap/a.ts', "import type { A } from '../storage/index.ts';"],
    ['daemon/api/handlers/a.ts', "import { A } from '../../../protocols/membership/index.ts';"],
    ['daemon/api/server.ts', "import { A } from '../node.ts';"],
    ['daemon/client/a.ts', "import { a } from '../api/server.ts';"],
    ['daemon/cli/a.ts', "import { a } from '../api/server.ts';"],
    ['daemon/cli/a.ts', "import type { A } from '../../protocols/enrolment/index.ts';"],
    ['daemon/mcp/a.ts', "import { a } from '../../storage/index.ts';"],
    ['daemon/config/a.ts', "import { a } from '../node.ts';"],
    ['daemon/cli/a.ts', "const a = await import('../node.ts');"],
    ['daemon/cli/a.ts', "export * from '../node.ts';"],
  ])('refuses %s: %s', (path, text) => {
    expect(messages(path, text)).toEqual([expect.stringContaining('may not import')]);
  });

  it.each([
    ['protocols/membership/rules.ts', "import type { A } from '../enrolment/index.ts';"],
    ['protocols/membership/rules.ts', "import { a } from './codec.ts';"],
    ['protocols/slurp/service.ts', "import { a } from '../raft/index.ts';"],
    ['storage/a.ts', "import { ClassicLevel } from 'classic-level';"],
    ['storage/a.ts', "import type { A } from '../protocols/slurp/index.ts';"],
    ['bootstrap/a.ts', "import { a } from '../protocols/membership/index.ts';"],
    ['daemon/api/handlers/a.ts', "import type { A } from '../../../protocols/slurp/index.ts';"],
    ['daemon/cli/a.ts', "import { a } from '../client/index.ts';"],
    ['daemon/cli/a.ts', "import { a } from '../../protocols/agent-id/index.ts';"],
    [
      'daemon/node.ts',
      "import { a } from '../storage/index.ts'; import { createLibp2p } from 'libp2p';",
    ],
    ['daemon/node.ts', "import { a } from '../protocols/wire/stream.ts';"],
    ['daemon/main.ts', "const { node } = await import('./node.ts');"],
    ['daemon/main.ts', "import type { A } from './node.ts';"],
  ])('allows %s: %s', (path, text) => expect(messages(path, text)).toEqual([]));

  it('keeps outsiders at the index of a protocol', () => {
    expect(messages('daemon/node.ts', "import { a } from '../protocols/slurp/driver.ts';")).toEqual(
      [expect.stringContaining('index.ts')],
    );
  });

  it('keeps the entry free of static imports', () => {
    for (const specifier of ['node:fs', './node.ts', 'zod']) {
      expect(messages('daemon/main.ts', `import { a } from '${specifier}';`)).toEqual([
        expect.stringContaining('statically'),
      ]);
    }
  });

  it('keeps the program away from tests', () => {
    expect(messages('daemon/node.ts', "import { a } from '../test/fake.ts';")).toEqual([
      'the program does not import test/fake.ts',
    ]);
  });

  it.each([
    ['storage/a.ts', "import 'vitest';", 'not among the dependencies'],
    ['storage/a.ts', "import fs from 'fs';", 'write node:fs'],
    ['bootstrap/a.ts', "import 'classic-level';", 'only storage/ imports'],
    ['daemon/api/a.ts', "import { lpStream } from '@libp2p/utils';", 'through services'],
    ['storage/a.ts', 'await import(name);', 'plain string'],
  ])('refuses the package in %s: %s', (path, text, message) => {
    expect(messages(path, text)).toEqual([expect.stringContaining(message)]);
  });
});
