/** One command of a script and the trace that is expected below it. */
export interface Step {
  /** Comments and blank lines before the command, as they stand. */
  readonly preamble: readonly string[];
  readonly words: readonly string[];
  /** `name=value` words. */
  readonly options: ReadonlyMap<string, string>;
  readonly line: string;
  readonly expected: string;
}

const SEPARATOR = '----';

/** A script: commands, each followed by `----`, its trace and a blank line. */
export function parseScript(text: string): readonly Step[] {
  const steps: Step[] = [];
  let preamble: string[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!.trimEnd();
    if (line === '' || line.startsWith('#')) {
      preamble.push(line);
      continue;
    }
    const trace: string[] = [];
    if (lines[at + 1]?.trimEnd() === SEPARATOR) {
      for (at += 2; at < lines.length && lines[at]!.trim() !== ''; at++) trace.push(lines[at]!);
    }
    steps.push({ preamble, ...split(line), line, expected: trace.join('\n') });
    preamble = trace.length > 0 || lines[at]?.trim() === '' ? [''] : [];
  }
  return steps;
}

/** The script with other traces. */
export function formatScript(steps: readonly Step[], traces: readonly string[]): string {
  const parts = steps.map(({ preamble, line }, at) => {
    const gap = at > 0 && preamble[0] !== '' ? [''] : [];
    return [...gap, ...preamble, line, SEPARATOR, traces[at] ?? ''].join('\n');
  });
  return `${parts.join('\n')}\n`;
}

function split(line: string): Pick<Step, 'words' | 'options'> {
  const all = line.split(/\s+/);
  const options = new Map<string, string>();
  for (const word of all) {
    const [name, value] = word.split('=');
    if (value !== undefined) options.set(name!, value);
  }
  return { words: all.filter((word) => !word.includes('=')), options };
}
