import { expect, it } from 'vitest';
import { wordFindings } from '../../../tidy/rules/words.ts';

// Put together here, so that this file does not say them itself.
const say = (...parts: readonly string[]): string => parts.join('');

it.each([
  say('// TO', 'DO later'),
  say('// FIX', 'ME'),
  say('the sub', 'agent did it'),
  say('cd /wor', 'k/main'),
  say('cat ../sha', 'red/notes.md'),
  say('from registry', '.example.org'),
])('refuses: %s', (text) => {
  expect(wordFindings([{ path: 'docs/a.md', text: `first\n${text}` }])).toMatchObject([
    { line: 2 },
  ]);
});

it.each([
  say('// TO', 'DO(#12): later'),
  say('// FIX', 'ME #12'),
  'a worker, the framework/main, shared state, a registry of members',
])('allows: %s', (text) => expect(wordFindings([{ path: 'docs/a.md', text }])).toEqual([]));

it('lets the testnet scripts alone reach outside', () => {
  const text = say('test -d ../sha', 'red/testnet');
  expect(wordFindings([{ path: '.ci/run', text }])).toEqual([]);
  expect(wordFindings([{ path: 'test/testnet/run.sh', text }])).toEqual([]);
  expect(wordFindings([{ path: 'bench/run.sh', text }])).toHaveLength(1);
});
