import type { Command } from 'commander';
import { CooeeError } from '../../../protocols/interface/index.ts';
import type { CliContext } from '../context.ts';

/** The words that may follow a command (`''` = the program itself). */
export type WordTable = readonly (readonly [path: string, words: readonly string[]])[];

/** `cooee completion SHELL`: a script that completes commands and options. */
export async function runCompletion(
  context: CliContext,
  program: Command,
  shell: string,
): Promise<number> {
  const table = wordTable(program);
  const write = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
  if (write === undefined) {
    throw new CooeeError('ERR_API_USAGE', `there is no completion for "${shell}"`, {
      remedy: 'Use bash, zsh or fish.',
    });
  }
  context.host.stdout.write(write(table));
  return 0;
}

/**
 * Every command of the program with its subcommands and options, the program's own options at each.
 */
export function wordTable(program: Command): WordTable {
  const longOf = (command: Command): string[] =>
    command.options.flatMap((option) => (option.long ? [option.long] : []));
  const rows: [string, string[]][] = [];
  const visit = (command: Command, path: readonly string[]): void => {
    const names = command.commands.flatMap((sub) => [sub.name(), ...sub.aliases()]);
    const own = command === program ? [] : longOf(command);
    rows.push([path.join(' '), [...names, ...own, ...longOf(program), '--help']]);
    for (const sub of command.commands) {
      for (const name of [sub.name(), ...sub.aliases()]) visit(sub, [...path, name]);
    }
  };
  visit(program, []);
  return rows;
}

function bashScript(table: WordTable): string {
  return `# cooee completion for bash: source <(cooee completion bash)
_cooee() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${pathsPattern(table)}) path="\${path:+$path }$word" ;;
    esac
  done
  local words=''
  case "$path" in
${cases(table, (words) => `words='${words.join(' ')}'`)}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _cooee cooee
`;
}

function zshScript(table: WordTable): string {
  return `#compdef cooee
# cooee completion for zsh: source <(cooee completion zsh)
_cooee() {
  local path_words='' word
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${path_words:+$path_words }$word" in
      ${pathsPattern(table)}) path_words="\${path_words:+$path_words }$word" ;;
    esac
  done
  case "$path_words" in
${cases(table, (words) => `candidates=(${words.join(' ')})`)}
  esac
  compadd -- $candidates || _files
}
compdef _cooee cooee
`;
}

function fishScript(table: WordTable): string {
  const lines = table.flatMap(([path, words]) => {
    const seen = path.split(' ').filter((word) => word !== '');
    const isHere = seen.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
    const when = seen.length === 0 ? '__fish_use_subcommand' : isHere;
    return [`complete -c cooee -n '${when}' -a '${words.join(' ')}'`];
  });
  return `# cooee completion for fish: cooee completion fish | source\n${lines.join('\n')}\n`;
}

function pathsPattern(table: WordTable): string {
  return table.flatMap(([path]) => (path === '' ? [] : [`'${path}'`])).join(' | ');
}

function cases(table: WordTable, body: (words: readonly string[]) => string): string {
  return table.map(([path, words]) => `    '${path}') ${body(words)} ;;`).join('\n');
}
