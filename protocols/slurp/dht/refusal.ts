import { CooeeError, isCooeeError } from '../../interface/index.ts';

/** Why a record is not taken: the label of `cooee_dht_records_refused_total`. */
export type RecordRefusal =
  /** Of another mesh. */
  | 'mesh'
  /** Under `/cooee/`, but nothing that is known here. */
  | 'namespace'
  /** Not a key of ours. */
  | 'key'
  /** Over the limit. */
  | 'too-large'
  /** Of a version that is not known here. */
  | 'version'
  /** Not a record. */
  | 'malformed'
  /** Of another agent than the key names, or at odds with itself. */
  | 'foreign'
  /** The entry does not make the change that the record tells of. */
  | 'change'
  /** The entry is not in the log of the head. */
  | 'path'
  /** The head is not signed by those who may. */
  | 'head'
  /** This node has applied that entry and knows it differently, or knows what came after it. */
  | 'state'
  /** Older than what was seen here. */
  | 'stale';

/** ERR_SLURP_RECORD with the reason in its details. */
export function refuseRecord(
  reason: RecordRefusal,
  init: { readonly cause?: unknown } = {},
): CooeeError {
  return new CooeeError('ERR_SLURP_RECORD', `the record is refused: ${reason}`, {
    ...init,
    details: { reason },
  });
}

/** The label under which an error is counted. */
export function refusalOf(error: unknown): string {
  if (isCooeeError(error, 'ERR_SLURP_RECORD')) return String(error.details['reason']);
  if (isCooeeError(error, 'ERR_SLURP_HEAD') || isCooeeError(error, 'ERR_SLURP_ANCHOR')) {
    return 'head';
  }
  if (isCooeeError(error, 'ERR_WIRE_VERSION')) return 'version';
  if (isCooeeError(error, 'ERR_WIRE_TOO_LARGE')) return 'too-large';
  return 'malformed';
}
