import type { Operation } from '../../history/index.ts';
import { fieldsOf, numberIn, textIn } from '../models/fields.ts';

/** What is read on every node in the end. */
const LISTS = ['submissions', 'calls', 'agents'] as const;
type List = (typeof LISTS)[number];

type Row = Readonly<Record<string, unknown>>;

/** The last reading of one node. */
interface Reading {
  readonly node: string;
  readonly rows: Readonly<Record<List, readonly Row[]>>;
  readonly isWhole: boolean;
}

/** What a client was promised: it is in the list, once, with these fields. */
interface Promised {
  readonly list: List;
  /** The field that names it, and the name. */
  readonly by: string;
  readonly name: string;
  readonly fields: Row;
  /** The field that no two of the list may share, and what it has there. */
  readonly once: readonly [field: string, value: unknown];
}

/** What the readings of the end came to. */
export interface FinalFindings {
  readonly problems: readonly string[];
  readonly nodes: number;
  readonly promised: number;
}

/**
 * Nothing that was accepted is lost, nothing is there twice, and all nodes have the same: by the
 * readings (`final`) that each of them gave in the end.
 */
export function checkFinal(operations: readonly Operation[]): FinalFindings {
  const readings = toReadings(operations);
  const promised = operations.flatMap(promises);
  const problems = readings.flatMap((reading) => [
    ...(reading.isWhole ? [] : [`${reading.node}: its last reading is not whole`]),
    ...missing(reading, promised),
  ]);
  const [first, ...others] = readings;
  for (const other of others) if (first !== undefined) problems.push(...differences(first, other));
  return { problems, nodes: readings.length, promised: promised.length };
}

function toReadings(operations: readonly Operation[]): Reading[] {
  const finals = operations.filter(({ op, ok }) => op === 'final' && ok === true);
  const nodes = Map.groupBy(finals, ({ key }) => key);
  return [...nodes].map(([node, pages]) => {
    const of = (list: List): readonly Operation[] =>
      pages.filter(({ input }) => textIn(input, 'list') === list);
    const rowsOf = (list: List): Row[] =>
      of(list).flatMap(({ output }) => (fieldsOf(output)['rows'] ?? []) as Row[]);
    const isWhole = LISTS.every((list) =>
      of(list).some(({ output }) => fieldsOf(output)['isLast'] === true),
    );
    const rows = {
      submissions: rowsOf('submissions'),
      calls: rowsOf('calls'),
      agents: rowsOf('agents'),
    };
    return { node, rows, isWhole };
  });
}

/** Done, or accepted: both are for good. */
function promises({ op, key, input, output, ok }: Operation): Promised[] {
  const isAccepted = ok === null && textIn(output, 'state') === 'accepted';
  if (ok !== true && !isAccepted) return [];
  const value = fieldsOf(output)['value'] ?? null;
  const known = (field: string): Row => (value === null ? {} : { [field]: value });
  if (op === 'submit') {
    const id = textIn(output, 'id') ?? '';
    const once = ['address', key] as const;
    return [{ list: 'submissions', by: 'id', name: id, fields: known('index'), once }];
  }
  if (op === 'enrol') {
    const once = ['model', key] as const;
    return [{ list: 'agents', by: 'model', name: key, fields: known('token'), once }];
  }
  if (op !== 'call.open') return [];
  const index = numberIn(output, 'index');
  const once = ['question', fieldsOf(input)['question']] as const;
  const fields = index === null ? {} : { index };
  return [{ list: 'calls', by: 'id', name: key, fields, once }];
}

function missing({ node, rows }: Reading, promised: readonly Promised[]): string[] {
  const problems = new Set<string>();
  const tables = new Map<string, Map<unknown, Row[]>>();
  const table = (list: List, field: string): Map<unknown, Row[]> => {
    const name = `${list} ${field}`;
    const known = tables.get(name) ?? Map.groupBy(rows[list], (row) => row[field]);
    tables.set(name, known);
    return known;
  };
  for (const { list, by, name, fields, once } of promised) {
    const [row, ...more] = table(list, by).get(name) ?? [];
    if (row === undefined) {
      problems.add(`${node}: lost: ${list} ${name} was accepted and is not there`);
      continue;
    }
    const [field, value] = once;
    const same = table(list, field).get(value)?.length ?? 0;
    if (more.length > 0 || same > 1) problems.add(`${node}: twice: ${list} ${field} ${value}`);
    for (const [what, told] of Object.entries(fields)) {
      if (row[what] !== told) {
        problems.add(`${node}: ${list} ${name}: ${what} is ${row[what]}, and was told as ${told}`);
      }
    }
  }
  return [...problems];
}

function differences(first: Reading, other: Reading): string[] {
  return LISTS.flatMap((list) => {
    const key = list === 'agents' ? 'token' : 'id';
    const [here, there] = [first, other].map(
      ({ rows }) => new Map(rows[list].map((row) => [String(row[key]), JSON.stringify(row)])),
    ) as [Map<string, string>, Map<string, string>];
    const names = [...new Set([...here.keys(), ...there.keys()])];
    return names
      .filter((name) => here.get(name) !== there.get(name))
      .map((name) => {
        const [a, b] = [here.get(name) ?? 'nothing', there.get(name) ?? 'nothing'];
        return `${list} ${name}: ${first.node} has ${a}\n    ${other.node} has ${b}`;
      });
  });
}
