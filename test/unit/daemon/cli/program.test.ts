import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CliHost } from '../../../../daemon/cli/context.ts';
import { buildProgram } from '../../../../daemon/cli/program.ts';

// docs/cli.md is written by hand, for people; here it is held to what the program really takes.

const docs = readFileSync(new URL('../../../../docs/cli.md', import.meta.url), 'utf8');
const program = buildProgram({ version: '0' } as CliHost, async () => undefined);

interface Row {
  readonly path: string;
  readonly command: Command;
}

function rows(command: Command, path: readonly string[]): Row[] {
  const own = { path: path.join(' '), command };
  return [own, ...command.commands.flatMap((sub) => rows(sub, [...path, sub.name()]))];
}

const commands = program.commands
  .flatMap((command) => rows(command, [command.name()]))
  .filter(({ path }) => path !== 'id');

describe('docs/cli.md', () => {
  it.each(commands)('has `$path` with its options', ({ path, command }) => {
    const row = docs
      .split('\n')
      .find((line) => line.startsWith(`| \`${path}\``) || line.startsWith(`| \`${path} `));
    expect(row, `a row for ${path}`).toBeDefined();
    for (const option of command.options) {
      expect(row, `${path} ${option.long}`).toContain(`\`${option.long}`);
    }
    for (const alias of command.aliases()) expect(row).toContain(`\`${alias}\``);
  });

  it('has the options of every command', () => {
    for (const option of program.options) {
      expect(docs).toContain(`\`${option.long ?? option.short}`);
    }
  });
});
