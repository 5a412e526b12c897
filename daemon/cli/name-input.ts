import type { Command } from 'commander';
import { CooeeError, isCooeeError } from '../../protocols/interface/index.ts';

/** Fields of the API that a person gives by another name. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  afterMs: 'deadline',
  gpuId: 'gpu',
  votersTarget: 'voters',
};

/**
 * A field that the daemon refused, as the option or argument that it was typed as. What the API
 * says of its fields and its schema is of no use to who typed a command.
 *
 * @param command - the command that ran
 * @param help - how its help is asked for
 */
export function nameInput(thrown: unknown, command: Command, help: string): unknown {
  if (!isCooeeError(thrown, 'ERR_API_BODY') && !isCooeeError(thrown, 'ERR_API_QUERY'))
    return thrown;
  const { details } = thrown;
  const isFile = command.name() === 'submit';
  const [part, path] = [String(details['part']), String(details['path'])];
  const name = isFile ? undefined : nameOf(command, part, path);
  const before = path === '' ? `${part}: ` : `${part}: ${path}: `;
  const isNamed = name !== undefined && thrown.message.startsWith(before);
  return new CooeeError(
    thrown.code,
    isNamed ? `${name}: ${thrown.message.slice(before.length)}` : thrown.message,
    {
      cause: thrown,
      details,
      remedy: isFile ? 'Compare it with: cooee submit --schema dr (or pr)' : `See: ${help}`,
    },
  );
}

function nameOf(command: Command, part: string, path: string): string | undefined {
  const field = path.split('.').findLast((step) => !/^\d+$/u.test(step)) ?? '';
  const short = field.replace(/Ms$/u, '');
  const one = short.replace(/ies$/u, 'y').replace(/s$/u, '');
  const names = new Set([OTHER_NAMES[field], field, short, one]);
  const option = command.options.find((it) => names.has(it.attributeName()));
  if (option?.long !== undefined && option.long !== null) return option.long;
  const found = command.registeredArguments.find((it) => names.has(it.name()));
  // What stands in the path of a route is the first that a command asks for.
  const argument = found ?? (part === 'params' ? command.registeredArguments[0] : undefined);
  return argument?.name().toUpperCase();
}
