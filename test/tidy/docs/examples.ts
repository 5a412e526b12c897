import type { Finding } from '../source.ts';
import { fencesOf } from './markdown.ts';

/** One call of a program in a shell example. */
export interface Example {
  readonly line: number;
  readonly words: readonly string[];
}

/** What `--help` says of one command. */
export interface Help {
  readonly commands: ReadonlySet<string>;
  readonly flags: ReadonlySet<string>;
}

/**
 * The calls of `program` in the `sh` blocks of a page: at the start of a line (a prompt, `npx`,
 * `sudo` and variables before it are fine), after a pipe, `&&`, `;` and inside `$( )`. Comments and
 * the lines' outputs do not count.
 */
export function examplesOf(markdown: string, program: string): readonly Example[] {
  return fencesOf(markdown)
    .filter(({ language }) => language === 'sh')
    .flatMap((fence) =>
      fence.text
        .replace(/\\\n/g, (joined) => ' '.repeat(joined.length))
        .split('\n')
        .flatMap((text, index) =>
          splitCalls(text)
            .map(stripPrefix)
            .filter((words) => words[0] === program)
            .map((words) => ({ line: fence.line + index, words })),
        ),
    );
}

function splitCalls(line: string): readonly string[][] {
  const bare = line.replace(/(^|\s)#\s.*$/, '');
  return quotedSplit(bare).map((call) => call.filter((word) => word !== ''));
}

/** Words of every call on the line; quotes keep a text together, operators part calls. */
function quotedSplit(line: string): readonly string[][] {
  const calls: string[][] = [[]];
  const tokens = line.matchAll(/"[^"]*"|'[^']*'|\$\(|\|\||&&|[|;&()`]|[^\s"'|;&()`$]+|\$/g);
  let end = -1;
  for (const token of tokens) {
    const text = token[0];
    const inner = /^"[^"]*\$\((.*)\)[^"]*"$/.exec(text)?.[1];
    if (inner !== undefined) calls.unshift(...quotedSplit(inner));
    if (/^(\$\(|\|\||&&|[|;&()`])$/.test(text)) calls.push([]);
    else {
      const call = calls.at(-1);
      const glued = token.index === end && call !== undefined && call.length > 0;
      if (glued) call[call.length - 1] += text;
      else call?.push(text);
    }
    end = token.index + text.length;
  }
  return calls;
}

function stripPrefix(words: readonly string[]): readonly string[] {
  let rest = words;
  while (/^([$%>]|npx|sudo|exec|time|[A-Z_]+=.*)$/.test(rest[0] ?? '')) rest = rest.slice(1);
  return rest;
}

/**
 * Commands and flags out of a help text: the indented names below `Commands:`, every `-x` and
 * `--word`.
 */
export function parseHelp(text: string): Help {
  const commands = new Set<string>();
  const flags = new Set<string>();
  let section = '';
  for (const line of text.split('\n')) {
    const heading = /^([A-Z][\w ]*):/.exec(line)?.[1];
    if (heading !== undefined) section = heading.toLowerCase();
    const name = /^ {2}([a-z][\w|-]*)/.exec(line)?.[1];
    if (section.includes('commands') && name !== undefined) {
      for (const alias of name.split('|')) commands.add(alias);
    }
    for (const flag of line.matchAll(/(?<![\w-])--?[a-zA-Z][\w-]*/g)) flags.add(flag[0]);
  }
  return { commands, flags };
}

/** Commands and flags of the examples that the program's help does not know. */
export function exampleFindings(
  path: string,
  examples: readonly Example[],
  helpOf: (commands: readonly string[]) => Help,
): readonly Finding[] {
  return examples.flatMap(({ line, words }) => {
    const found: string[] = [];
    const route: string[] = [];
    const known = new Set(helpOf([]).flags);
    const args = words.slice(1);
    const first = args.find((word) => !word.startsWith('-'));
    if (first !== undefined && !helpOf([]).commands.has(first)) {
      found.push(`there is no command ${words[0]} ${first}`);
    } else {
      for (const word of args.filter((arg) => !arg.startsWith('-'))) {
        if (!helpOf(route).commands.has(word)) break;
        route.push(word);
        for (const flag of helpOf(route).flags) known.add(flag);
      }
    }
    for (const word of args.filter((arg) => /^--?[a-zA-Z]/.test(arg))) {
      const flag = word.split('=')[0] ?? '';
      if (!known.has(flag)) found.push(`${[words[0], ...route].join(' ')} has no ${flag}`);
    }
    return found.map((message) => ({ path, line, message }));
  });
}

/** `npm run x`, `npm test` and `npm start` in `sh` blocks that package.json does not have. */
export function scriptFindings(
  path: string,
  markdown: string,
  scripts: Readonly<Record<string, string>>,
): readonly Finding[] {
  return examplesOf(markdown, 'npm').flatMap(({ line, words }) => {
    const name = words[1] === 'run' ? words[2] : words[1];
    const isScript = words[1] === 'run' || name === 'test' || name === 'start';
    if (!isScript || name === undefined || scripts[name] !== undefined) return [];
    return [{ path, line, message: `package.json has no script ${name}` }];
  });
}
