import { basename, dirname } from 'node:path/posix';
import { type Finding, isProgram } from '../source.ts';

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
const EMPTY_WORDS = new Set(['utils', 'util', 'helpers', 'helper', 'manager', 'misc']);
const CAPITALS = new Set(['CHANGELOG.md', 'CONTRIBUTING.md', 'README.md', 'SECURITY.md']);

/** Names of code and documents: kebab-case, and a word that says what is inside. */
export function nameFindings(paths: readonly string[]): readonly Finding[] {
  return paths
    .filter((path) => /\.(ts|md)$/.test(path) && !CAPITALS.has(basename(path)))
    .flatMap((path) => {
      const findings: Finding[] = [];
      const segments = path.replace(/^\.[^/]+\//, '').split('/');
      if (!segments.every((segment) => KEBAB.test(segment))) {
        findings.push({ path, line: 1, message: 'a name is kebab-case' });
      }
      const empty = segments.flatMap((part) => part.split(/[-.]/)).find((w) => EMPTY_WORDS.has(w));
      if (empty !== undefined) {
        findings.push({ path, line: 1, message: `"${empty}" says nothing: name what it does` });
      }
      return findings;
    });
}

/**
 * Unit tests without the source file that they mirror. `test/unit/<folder>/name.test.ts` mirrors
 * `<folder>/name.ts`;
 * `protocols/` may be left out, and a topic may follow the name: `codec-properties.test.ts`;
 * `routes.test.ts` may stand for a folder `routes/`.
 */
export function mirrorFindings(paths: readonly string[]): readonly Finding[] {
  const sources = paths.filter(
    (path) => isProgram(path) || /^(test\/(tidy|testnet)|bench)\//.test(path),
  );
  return paths
    .filter((path) => path.startsWith('test/unit/') && path.endsWith('.test.ts'))
    .filter((path) => !sources.some((source) => mirrors(path, source)))
    .map((path) => ({ path, line: 1, message: 'a unit test mirrors the path of a source file' }));
}

function mirrors(test: string, source: string): boolean {
  const folder = dirname(test).slice('test/unit/'.length);
  const home = dirname(source);
  const topic = basename(test, '.test.ts');
  const homes = [folder, `protocols/${folder}`, `test/${folder}`];
  if (homes.some((candidate) => home === `${candidate}/${topic}`)) return true;
  if (!homes.includes(home)) return false;
  const name = basename(source, '.ts');
  // Tests of a folder as a whole have a topic for a name.
  return name === 'index' || topic === name || /^[-.]/.test(topic.replace(name, ''));
}
