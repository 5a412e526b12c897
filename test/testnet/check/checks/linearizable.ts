import type { Operation } from '../../history/index.ts';
import { type Budget, linearize, type Violation } from '../linearize.ts';
import type { Model } from '../model.ts';
import { callModel, isTelling } from '../models/call.ts';
import { entryModel } from '../models/entry.ts';
import { lineOf } from '../text.ts';

/** What a look at all objects came to. */
export interface Findings {
  readonly problems: readonly string[];
  readonly undecided: readonly string[];
  /** Objects that were looked at. */
  readonly objects: number;
}

interface Kind {
  readonly name: string;
  readonly takes: (operation: Operation) => boolean;
  readonly verdict: (
    operations: readonly Operation[],
    budget: Budget,
  ) => ReturnType<typeof linearize>;
}

const kind = <S>(name: string, takes: Kind['takes'], model: Model<S>): Kind => ({
  name,
  takes,
  verdict: (operations, budget) => linearize(operations, model, budget),
});

const OF_ENTRIES = new Set(['submit', 'submission.read', 'enrol', 'agent.read']);

const KINDS: readonly Kind[] = [
  kind('call', (it) => it.op.startsWith('call.') && isTelling(it), callModel),
  kind('entry', (it) => OF_ENTRIES.has(it.op) && it.ok !== false, entryModel),
];

/** Configurations of one object. */
const CONFIGURATIONS_MAX = 2_000_000;
const PREFIX_SHOWN_MAX = 12;

/** Whether each call, and each submission and agent, was one object to all. */
export function checkLinearizable(operations: readonly Operation[], deadlineMs: number): Findings {
  const problems: string[] = [];
  const undecided: string[] = [];
  let objects = 0;
  for (const { name, takes, verdict } of KINDS) {
    for (const [key, ofKey] of byKey(operations.filter(takes))) {
      objects += 1;
      const found = verdict(ofKey, { configurationsMax: CONFIGURATIONS_MAX, deadlineMs });
      if (found.kind === 'undecided') undecided.push(`${name} ${key}: ${found.reason}`);
      if (found.kind === 'violation') problems.push(witness(`${name} ${key}`, found));
    }
  }
  return { problems, undecided, objects };
}

/** Operations on different objects do not touch each other: linearizability is local. */
function byKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    const group = groups.get(operation.key);
    if (group === undefined) groups.set(operation.key, [operation]);
    else group.push(operation);
  }
  return groups;
}

function witness(name: string, { prefix, stuck, states }: Violation): string {
  const shown = prefix.slice(-PREFIX_SHOWN_MAX);
  const hidden = prefix.length - shown.length;
  return [
    `${name}: not linearizable. This order explains all that had ended before:`,
    ...(hidden > 0 ? [`    … ${hidden} more`] : []),
    ...shown.map((operation) => `    ${lineOf(operation)}`),
    '  This fits nowhere:',
    `    ${lineOf(stuck)}`,
    '  The object can only have been:',
    ...states.map((state) => `    ${state}`),
  ].join('\n');
}
