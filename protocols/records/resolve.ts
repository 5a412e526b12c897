import { createTokenCodec } from '../agent-id/index.ts';
import { CooeeError, type Hash, type StateReader } from '../interface/index.ts';
import {
  type AgentIdAddress,
  enrolmentAddress,
  parseAddress,
  type RecordAddress,
  type Temporal,
} from '../ucxl/index.ts';
import { RECORD_KINDS, type RecordKindName, recordOfToken } from './kinds/index.ts';
import type { VersionedRecord } from './record.ts';

/** Where records are read from. */
export interface RecordSource {
  readonly state: StateReader;
  readonly sha256: Hash;
}

/** One version of one record. */
export interface RecordPlace {
  readonly address: string;
  readonly version: number;
}

/** The record that an address names, and which of its versions. */
export interface ResolvedRecord {
  readonly kind: RecordKindName;
  readonly record: VersionedRecord;
  /** The version that the temporal part names: from 1 to record.versions. */
  readonly version: number;
}

const NOW: Temporal = { kind: 'now' };

/**
 * Finds what an address of any kind names. Reads by key: the cost does not grow with the number of
 * records.
 *
 * @param from - where the address stands as a link. One to the record's own address is meant from
 * what stood there before it: `#` is the version that it follows
 * @throws CooeeError ERR_UCXL_SYNTAX, ERR_UCXL_TEMPORAL for what is no address; ERR_API_NOT_FOUND
 * when nothing stands there; ERR_RECORDS_VERSION when it has no such version; ERR_AGENT_ID_* for a
 * short form with a mistyped token; ERR_STORAGE_*
 */
export function resolveRecord(
  source: RecordSource,
  text: string,
  from?: RecordPlace,
): ResolvedRecord {
  const address = parseAddress(text);
  if (address.kind === 'agentid') return present('agent', ofShortForm(source, address));
  const named: RecordAddress = { ...address, temporal: NOW };
  for (const kind of Object.keys(RECORD_KINDS) as RecordKindName[]) {
    const record = RECORD_KINDS[kind].find(source.state, named);
    if (record === undefined) continue;
    const isOwn = from?.address === record.address;
    const now = isOwn ? from.version - 1 : record.versions;
    return { kind, record, version: versionOf(record, address.temporal, now) };
  }
  throw notFound();
}

/**
 * Which version a temporal part names, counted in the log's order. An address by itself is read
 * from the present on, and nothing comes after that: `^^` is out of range then.
 *
 * @param now - the version that `#` names
 * @throws CooeeError ERR_RECORDS_VERSION with details.versions: how many there are
 */
function versionOf(
  { address, versions }: VersionedRecord,
  temporal: Temporal,
  now: number,
): number {
  const version = wanted(temporal, now);
  if (version >= 1 && version <= versions) return version;
  const there = versions === 1 ? 'there is 1 version' : `there are ${versions} versions`;
  throw new CooeeError('ERR_RECORDS_VERSION', `the record has no such version: ${there}`, {
    details: { address, versions },
  });
}

function wanted(temporal: Temporal, now: number): number {
  if (temporal.kind === 'version') return temporal.version;
  if (temporal.kind === 'back') return now - temporal.steps;
  return temporal.kind === 'forward' ? now + temporal.steps : now;
}

function ofShortForm({ state, sha256 }: RecordSource, { form, id }: AgentIdAddress) {
  if (form === 'token') {
    const record = recordOfToken(state, id);
    // Told apart: a token that was mistyped, and a sound one that nobody was granted.
    if (record === undefined) createTokenCodec(sha256).decodeToken(id);
    return record;
  }
  const address = parseAddress(enrolmentAddress(id));
  return address.kind === 'record' ? RECORD_KINDS.enrolment.find(state, address) : undefined;
}

function present(kind: RecordKindName, record: VersionedRecord | undefined): ResolvedRecord {
  if (record === undefined) throw notFound();
  return { kind, record, version: record.versions };
}

function notFound(): CooeeError {
  return new CooeeError('ERR_API_NOT_FOUND', 'no record stands at that address');
}
