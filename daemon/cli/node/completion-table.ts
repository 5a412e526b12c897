import type { Argument, Command, Option } from 'commander';

/**
 * What may stand in a place: words, or the name of a file or folder, or anything that nobody can
 * guess, such as a token.
 */
export type Place = readonly string[] | 'file' | 'folder' | 'any';

/** What the shells are told. */
export interface CompletionTable {
  /** What may follow a command (`''`: the program): its subcommands, words and options. */
  readonly commands: readonly CommandRow[];
  /** Options that take a value; those of every command have the path `*`. */
  readonly values: readonly ValueRow[];
}

/** A command by its words: `members role`. */
export interface CommandRow {
  readonly path: string;
  readonly words: readonly string[];
  readonly options: readonly string[];
  readonly takesFile: boolean;
}

/** An option of a command that takes a value. */
export interface ValueRow {
  readonly path: string;
  readonly option: string;
  readonly place: Place;
}

/** The shells that there is a completion for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Every command of the program, by all of its names. */
export function completionTable(program: Command): CompletionTable {
  const commands: CommandRow[] = [];
  const values: ValueRow[] = valuesOf(program, '*');
  const visit = (command: Command, path: string): void => {
    const subcommands = command.commands.flatMap((sub) => [sub.name(), ...sub.aliases()]);
    const places = command.registeredArguments.map(placeOf);
    const own = command === program ? [] : longOf(command);
    commands.push({
      path,
      words: [...subcommands, ...places.flatMap((place) => (isWords(place) ? place : []))],
      options: [...own, ...longOf(program), '--help'],
      takesFile: places.includes('file'),
    });
    if (command !== program) values.push(...valuesOf(command, path));
    for (const sub of command.commands) {
      for (const name of [sub.name(), ...sub.aliases()]) {
        visit(sub, path === '' ? name : `${path} ${name}`);
      }
    }
  };
  visit(program, '');
  return { commands, values };
}

/** Whether a place has words to choose from. */
export function isWords(place: Place): place is readonly string[] {
  return typeof place !== 'string';
}

function longOf(command: Command): readonly string[] {
  return command.options.flatMap((option) => (option.long ? [option.long] : []));
}

function valuesOf(command: Command, path: string): ValueRow[] {
  return command.options.flatMap((option) =>
    option.long && (option.required || option.optional)
      ? [{ path, option: option.long, place: placeOf(option) }]
      : [],
  );
}

/** By its choices, else by what the help calls it: `<file>`, `[folder]`. */
function placeOf(given: Argument | Option): Place {
  if (given.argChoices !== undefined) return given.argChoices;
  const name = 'flags' in given ? (/[<[]([\w-]+)/u.exec(given.flags)?.[1] ?? '') : given.name();
  if (name === 'folder') return 'folder';
  if (name === 'shell') return SHELLS;
  // An invite is given as @FILE, so that it does not show in a list of processes.
  return ['file', 'path', 'invite'].includes(name) ? 'file' : 'any';
}
