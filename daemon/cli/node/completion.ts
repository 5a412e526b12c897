import type { Command } from 'commander';
import { CooeeError } from '../../../protocols/interface/index.ts';
import type { CliContext } from '../context.ts';
import { bashScript, fishScript, zshScript } from './completion-scripts.ts';
import { type CompletionTable, completionTable } from './completion-table.ts';

const SCRIPTS: Readonly<Record<string, (table: CompletionTable) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** `cooee completion SHELL`: a script that completes commands, options and their values. */
export async function runCompletion(
  context: CliContext,
  program: Command,
  shell: string,
): Promise<number> {
  const write = SCRIPTS[shell];
  if (write === undefined) {
    throw new CooeeError('ERR_API_USAGE', `there is no completion for "${shell}"`, {
      remedy: 'Use bash, zsh or fish.',
    });
  }
  context.host.stdout.write(write(completionTable(program)));
  return 0;
}
