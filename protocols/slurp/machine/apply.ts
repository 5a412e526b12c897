import type { Crypto, Outcome, StateEvent, StateReader } from '../../interface/index.ts';
import type { Batch, Command, Entry } from './codec.ts';
import { reduceCommand } from './kinds.ts';
import { isLeaderBatch } from './leader-kinds.ts';
import type { StateOverlay } from './state.ts';

/** What one command of an entry came to. */
export interface Decision {
  readonly command: Command;
  readonly outcome: Outcome;
}

/** What applying one entry came to. */
export interface AppliedEntry {
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  readonly batch: Batch;
  /** The batch as its origin signed it. */
  readonly batchBytes: Uint8Array;
  /** Empty when the batch had been applied before: an origin's retry. */
  readonly decisions: readonly Decision[];
  readonly events: readonly (StateEvent & { readonly index: number })[];
}

/** What applying needs besides the state. */
export interface ApplyInit {
  readonly crypto: Crypto;
  readonly meshId: string;
}

/**
 * Applies an entry onto the overlay. Pure: the same entries give the same state on every node. An
 * entry that cannot be applied leaves the overlay as it was, however many of its commands came
 * before the one that stops it.
 *
 * @throws CooeeError ERR_SLURP_LEVEL for a command that this program does not know
 */
export function applyEntry(
  overlay: StateOverlay,
  entry: { readonly entry: Entry; readonly batch: Batch },
  init: ApplyInit,
): AppliedEntry {
  const { index, term, timeMs, batch: batchBytes } = entry.entry;
  const { batch } = entry;
  const applied = { index, term, timeMs, batch, batchBytes };
  if (isRepeated(overlay, batch)) return { ...applied, decisions: [], events: [] };
  const start = overlay.savepoint();
  try {
    return { ...applied, ...applyBatch(overlay, entry, init) };
  } catch (error) {
    overlay.rollback(start);
    throw error;
  } finally {
    overlay.settle();
  }
}

function applyBatch(
  overlay: StateOverlay,
  { entry: { index, term, timeMs }, batch }: { readonly entry: Entry; readonly batch: Batch },
  { meshId, crypto }: ApplyInit,
): Pick<AppliedEntry, 'decisions' | 'events'> {
  const decisions: Decision[] = [];
  const events: (StateEvent & { index: number })[] = [];
  for (const command of batch.commands) {
    const before = overlay.savepoint();
    const outcome = reduceCommand(overlay, command, {
      index,
      term,
      timeMs,
      actor: command.actor,
      origin: batch.origin,
      commandMs: command.timeMs,
      commandId: command.id,
      meshId,
      crypto,
    });
    if (outcome.ok) {
      for (const event of outcome.events ?? []) events.push({ ...event, index });
    } else {
      overlay.rollback(before);
      outcome.keep?.(overlay);
    }
    decisions.push({ command, outcome });
  }
  const last = overlay.get('origin', batch.origin);
  // A clone's registration does not move the mark: the numbers are the first node's. The leader's
  // own have no numbers of the outbox.
  if (!isLeaderBatch(batch) && (last === undefined || isAfter(batch, last))) {
    overlay.put('origin', batch.origin, { boot: batch.boot, seq: batch.seq });
  }
  return { decisions, events };
}

/**
 * Whether a batch was applied before. An origin numbers its batches `(boot, seq)` and sends them in
 * that order, so everything at or below the mark is a retry, or was overtaken on its way: then its
 * origin hands the commands in again under another number. The one exception is the registration of
 * a second start with the same number, which must come through: it is the proof that the identity
 * runs twice.
 */
export function isRepeated(state: StateReader, batch: Batch): boolean {
  if (isLeaderBatch(batch)) return false;
  const last = state.get('origin', batch.origin);
  if (last === undefined || isAfter(batch, last)) return false;
  return !isCloneProof(state, batch);
}

function isCloneProof(state: StateReader, batch: Batch): boolean {
  const [command] = batch.commands;
  if (command?.kind !== 'member.boot' || batch.commands.length !== 1) return false;
  const member = state.get('member', batch.origin);
  return (
    member !== undefined &&
    !member.isCloned &&
    command.body['boot'] === member.boot &&
    command.body['bootNonce'] !== member.bootNonce
  );
}

function isAfter(
  a: { readonly boot: number; readonly seq: number },
  b: { readonly boot: number; readonly seq: number },
): boolean {
  return a.boot > b.boot || (a.boot === b.boot && a.seq > b.seq);
}
