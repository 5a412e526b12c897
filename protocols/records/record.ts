import type { StateReader } from '../interface/index.ts';
import type { RecordAddress } from '../ucxl/index.ts';

/** A record as it was from one entry of the log on. */
export interface RecordVersion {
  /** Which one it is at its address, from 1. */
  readonly version: number;
  /** Log index of the entry that made it. */
  readonly index: number;
  /** Agreed time of that entry. */
  readonly timeMs: number;
  /** What happened then: `noun:verb`, as the event says it. */
  readonly cause: string;
  /** Content id, of a submission: each of its versions is a submission of its own. */
  readonly id?: string;
  /** One line by its author, where there is one. */
  readonly title?: string;
  /** The record; of a submission without its content. JSON-safe. */
  readonly value: unknown;
}

/** A record with all of its versions, as the state has it at this moment. */
export interface VersionedRecord {
  /** Canonical, of the present version. */
  readonly address: string;
  /** How many versions there are, at least 1. */
  readonly versions: number;
  /**
   * The n-th version, from 1 to {@link versions}. Reads by key.
   *
   * @throws CooeeError ERR_STORAGE_DAMAGED when the store has lost it, ERR_STORAGE_*
   */
  at(n: number): RecordVersion;
}

/** A kind of record: how its addresses are told and its versions are read. */
export interface RecordKind {
  /**
   * The record at a present address; undefined when the address is none of this kind's or nothing
   * stands there. Reads by key.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  find(state: StateReader, address: RecordAddress): VersionedRecord | undefined;
}
