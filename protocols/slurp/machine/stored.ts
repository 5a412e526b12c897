import { z } from 'zod';
import {
  CooeeError,
  isColdTable,
  type StateTable,
  type StateTables,
  voterSetKey,
} from '../../interface/index.ts';
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
import { bucketOf, bucketText } from './bucket.ts';

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

/**
 * Stands before the bucket in a key of a cold table. It sorts behind all digits, so that loading
 * the state reads past what stays in the store.
 */
export const COLD_MARK = '~';

/**
 * Keys of the namespace `state`: `<bucket as 3 hexadecimal digits>/<table>/<key>`, of a cold table
 * with a `~` before. A bucket lies together, so that a snapshot reads those that changed.
 */
export const stateKey = {
  format: (table: StateTable, key: string, bucket: number = bucketOf(`${table}/${key}`)): string =>
    `${isColdTable(table) ? COLD_MARK : ''}${bucketText(bucket)}/${table}/${key}`,
  /** @param name `<table>/<key>` */
  ofName: (name: string): string => {
    const slash = name.indexOf('/');
    return stateKey.format(name.slice(0, slash) as StateTable, name.slice(slash + 1));
  },
  /** `<table>/<key>`. */
  nameOf: (text: string): string => text.slice(text.indexOf('/') + 1),
  /** @throws CooeeError ERR_STORAGE_DAMAGED */
  parse: (text: string): { table: StateTable; key: string } => {
    const name = stateKey.nameOf(text);
    const slash = name.indexOf('/');
    if (slash < 1) throw new CooeeError('ERR_STORAGE_DAMAGED', 'a state key has no table');
    return { table: name.slice(0, slash) as StateTable, key: name.slice(slash + 1) };
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

const pendingSchema = z.strictObject({ n: count.min(2), index: count.min(2), root: bytesOf(32) });

/** A change of voters and the root of the log right after it: what its link will be made of. */
export type PendingLink = z.output<typeof pendingSchema>;

/** Records `pending/<n>` of the namespace `head`; written with the entry's own batch. */
export const pendingLink = {
  key: (n: number): string => `pending/${voterSetKey(n)}`,
  encode: (link: PendingLink): Uint8Array => encodeCanonical(link),
  /** @throws CooeeError ERR_WIRE_MALFORMED, ERR_WIRE_TOO_LARGE */
  decode: (bytes: Uint8Array): PendingLink => decodeAs(pendingSchema, bytes, 256),
};
