import { z } from 'zod';
import { CooeeError, type StateTable, type StateTables } from '../../interface/index.ts';
import {
  assertFrontier,
  bytesOf,
  count,
  decodeAs,
  decodeCanonical,
  EMPTY_FRONTIER,
  encodeCanonical,
  type MerkleFrontier,
  timeMs,
} from '../../wire/index.ts';

/** Values of the state are small; larger contents are blocks. */
const STATE_VALUE_BYTES_MAX = 64 * 1024;

const appliedSchema = z.strictObject({
  size: count,
  peaks: z.array(bytesOf(32)).max(53),
  timeMs,
  term: count,
});

/** How far the log was applied, with what is needed to go on from there. */
export interface AppliedMark {
  readonly frontier: MerkleFrontier;
  readonly timeMs: number;
  /** Term of the last applied entry; 0 = none. */
  readonly term: number;
}

/** The record `applied` of the namespace `meta`. */
export const appliedRecord = {
  encode: ({ frontier, timeMs: time, term }: AppliedMark): Uint8Array =>
    encodeCanonical({ size: frontier.size, peaks: frontier.peaks, timeMs: time, term }),
  /** @throws CooeeError ERR_WIRE_MALFORMED, ERR_STORAGE_DAMAGED */
  decode: (bytes: Uint8Array | undefined): AppliedMark => {
    if (bytes === undefined) return { frontier: EMPTY_FRONTIER, timeMs: 0, term: 0 };
    const { size, peaks, timeMs: time, term } = decodeAs(appliedSchema, bytes, 4096);
    return { frontier: assertFrontier({ size, peaks }), timeMs: time, term };
  },
};

/** Keys of the namespace `state`: `<table>/<key>`. */
export const stateKey = {
  format: (table: StateTable, key: string): string => `${table}/${key}`,
  /** @throws CooeeError ERR_STORAGE_DAMAGED */
  parse: (text: string): { table: StateTable; key: string } => {
    const slash = text.indexOf('/');
    if (slash < 1) throw new CooeeError('ERR_STORAGE_DAMAGED', 'a state key has no table');
    return { table: text.slice(0, slash) as StateTable, key: text.slice(slash + 1) };
  },
};

/**
 * Values of the namespace `state`: written by the reducers of this node only, so their form is
 * theirs.
 */
export const stateValue = {
  encode: (value: StateTables[StateTable]): Uint8Array => encodeCanonical(value),
  /** @throws CooeeError ERR_WIRE_MALFORMED, ERR_WIRE_TOO_LARGE */
  decode: (bytes: Uint8Array): StateTables[StateTable] =>
    decodeCanonical(bytes, STATE_VALUE_BYTES_MAX) as StateTables[StateTable],
};
