import { describe, expect, it } from 'vitest';
import {
  exampleFindings,
  examplesOf,
  type Help,
  parseHelp,
  scriptFindings,
} from '../../../tidy/docs/examples.ts';

const FENCE = '```';
const sh = (text: string): string => `${FENCE}sh\n${text}\n${FENCE}`;

const ROOT_HELP = `Usage: cooee [options] [command]

Options:
  -V                 the version
  --home <dir>       the home

Commands:
  up|start [options]   start
  members              members
  help [command]       display help
`;
const HELPS: Readonly<Record<string, string>> = {
  '': ROOT_HELP,
  up: 'Usage: cooee up [options]\n\nOptions:\n  --hostname <h>, --mac <m>  facts\n',
  members: 'Usage: cooee members\n\nCommands:\n  remove [options] <peer>  remove\n',
  'members remove': 'Options:\n  --force  now\n',
};
const helpOf = (commands: readonly string[]): Help => parseHelp(HELPS[commands.join(' ')] ?? '');
const findings = (text: string): readonly string[] =>
  exampleFindings('README.md', examplesOf(sh(text), 'cooee'), helpOf).map((f) => f.message);

describe('examples', () => {
  it('are found wherever a command may stand', () => {
    const text = [
      'cooee up --home a # cooee comment',
      '$ npx cooee invite',
      'COOEE_HOME=b cooee status | grep x; cooee down && cooee doctor',
      'cooee join "$(cooee invite --home c)"',
      'npm ci && npm start',
      'cooee call "may I | cooee?" \\',
      '  --wait',
    ].join('\n');
    expect(examplesOf(sh(text), 'cooee').map((example) => example.words.join(' '))).toEqual([
      'cooee up --home a',
      'cooee invite',
      'cooee status',
      'cooee down',
      'cooee doctor',
      'cooee invite --home c',
      'cooee join "$(cooee invite --home c)"',
      'cooee call "may I | cooee?" --wait',
    ]);
  });

  it('are taken from sh blocks only', () => {
    expect(examplesOf(`cooee a\n${FENCE}text\ncooee b\n${FENCE}`, 'cooee')).toEqual([]);
  });

  it('carry the line they stand on', () => {
    expect(examplesOf(`# x\n\n${sh('ls\ncooee up')}`, 'cooee')[0]?.line).toBe(5);
  });
});

describe('help', () => {
  it('gives commands, aliases and flags', () => {
    const help = parseHelp(ROOT_HELP);
    expect([...help.commands]).toEqual(['up', 'start', 'members', 'help']);
    expect([...help.flags]).toEqual(['-V', '--home']);
  });
});

describe('findings', () => {
  it.each([
    ['cooee upp', 'there is no command cooee upp'],
    ['cooee up --hostnames x', 'cooee up has no --hostnames'],
    ['cooee members remove P --farce', 'cooee members remove has no --farce'],
    ['cooee --hoome=x up', 'cooee up has no --hoome'],
  ])('name what %s gets wrong', (text, message) => expect(findings(text)).toEqual([message]));

  it.each([
    'cooee up --hostname a --mac AA:BB:CC:DD:EE:01 --home /tmp/a',
    'cooee members remove PEER --force --home=x',
    'cooee -V',
    'cooee members',
  ])('accept %s', (text) => expect(findings(text)).toEqual([]));

  it('know the npm scripts', () => {
    const missing = (text: string): number =>
      scriptFindings('README.md', sh(text), { test: 'x', check: 'y' }).length;
    expect(missing('npm ci && npm test')).toBe(0);
    expect(missing('npm run check')).toBe(0);
    expect(missing('npm run chek')).toBe(1);
    expect(missing('npm start')).toBe(1);
  });
});
