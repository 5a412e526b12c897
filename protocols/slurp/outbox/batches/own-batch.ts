import { CooeeError, ERROR_CODES } from '../../../interface/index.ts';
import { equalBytes } from '../../../wire/index.ts';
import type { AppliedEntry } from '../../machine/apply.ts';
import type { Command } from '../../machine/codec.ts';
import type { Decided, OutboxBatch, RefusedCommand } from '../ports.ts';

/** Where a batch, or a command, stands among those of its origin. */
export interface Numbered {
  readonly boot: number;
  readonly seq: number;
}

/** The key of a row of the store: rows are read in the order of their numbers. */
export function keyOf({ boot, seq }: Numbered): string {
  return `${String(boot).padStart(10, '0')}-${String(seq).padStart(12, '0')}`;
}

/** Whether the log has decided a batch: its origin's mark is at or beyond it. */
export function isBehind(batch: Numbered, mark: Numbered | undefined): boolean {
  if (mark === undefined) return false;
  return batch.boot < mark.boot || (batch.boot === mark.boot && batch.seq <= mark.seq);
}

/** What the log refused of a batch. */
export function refusedIn(
  entry: AppliedEntry,
  batch: OutboxBatch,
): readonly { readonly command: Command; readonly refused: RefusedCommand }[] {
  if (!isOurs(entry, batch)) return [];
  return entry.decisions.flatMap(({ command, outcome }) => {
    if (outcome.ok) return [];
    const { code, message = ERROR_CODES[code].meaning } = outcome;
    return [{ command, refused: { code, message, index: entry.index } }];
  });
}

/** What the log decided on each command of a batch, by the command's id. */
export function decidedIn(entry: AppliedEntry, batch: OutboxBatch): ReadonlyMap<string, Decided> {
  const decisions = isOurs(entry, batch) ? entry.decisions : [];
  const outcomes = new Map(decisions.map((it) => [it.command.id, it.outcome]));
  return new Map(
    batch.commands.map(({ id }) => {
      const outcome = outcomes.get(id);
      return [id, outcome === undefined ? usedByAnother() : { index: entry.index, outcome }];
    }),
  );
}

function usedByAnother(): Decided {
  return { error: new CooeeError('ERR_MEMBERSHIP_CLONE', 'another start used this number') };
}

/** A second start with this number names its commands alike: their outcomes are not ours. */
function isOurs(entry: AppliedEntry, batch: OutboxBatch): boolean {
  return equalBytes(batch.bytes, entry.batchBytes);
}
