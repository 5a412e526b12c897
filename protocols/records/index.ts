/**
 * Everything that has an address: one resolver over one table of kinds. How it is used:
 * docs/ucxl.md.
 *
 * @packageDocumentation
 */
export type { RecordKindName } from './kinds/index.ts';
export type { RecordKind, RecordVersion, VersionedRecord } from './record.ts';
export {
  type RecordPlace,
  type RecordSource,
  type ResolvedRecord,
  resolveRecord,
} from './resolve.ts';
export {
  type RecordLink,
  type Walk,
  type WalkedLink,
  type WalkedRecord,
  type WalkInit,
  walkLinks,
} from './walk.ts';
