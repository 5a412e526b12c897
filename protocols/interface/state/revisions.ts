import type { RevisedValue, RevisionRecord } from './records.ts';
import { type StateReader, type StateWriter, versionKey } from './tables.ts';

/** What brought a new version. */
export interface RevisionCause {
  readonly index: number;
  readonly timeMs: number;
  /** `noun:verb`, as the event says it. */
  readonly cause: string;
}

/**
 * Keeps a new version of a record that changes in place. Called by every reducer that changes
 * what people see of such a record, after it has put the record itself.
 *
 * @param address - canonical, of the present version
 * @returns which version it is, from 1
 */
export function revise(
  state: StateWriter,
  address: string,
  { index, timeMs, cause }: RevisionCause,
  value: RevisedValue,
): number {
  const version = (state.get('revised', address) ?? 0) + 1;
  state.put('revised', address, version);
  const revision: RevisionRecord = { version, index, timeMs, cause, value };
  state.put('revision', versionKey(address, version), revision);
  return version;
}

/** The n-th version of a record, from 1; undefined when there is none. */
export function revisionAt(
  state: StateReader,
  address: string,
  version: number,
): RevisionRecord | undefined {
  return state.get('revision', versionKey(address, version));
}
