import { isCooeeError, type StateReader, versionKey } from '../interface/index.ts';
import {
  type Address,
  enrolRecordOf,
  formatAddress,
  MESH_PROJECT,
  parseAddress,
  type Temporal,
} from '../ucxl/index.ts';

/** What a link leads to, as far as the state knows. */
export interface LinkTarget {
  readonly isThere: boolean;
  /** The submission that stands there; undefined for none and for a record of another kind. */
  readonly id?: string;
}

const MISSING: LinkTarget = { isThere: false };

/**
 * What an address in a link leads to: a version of a submission, or of a record that the mesh keeps
 * itself. An address that cannot be read leads nowhere. Reads by key.
 */
export function linkTarget(state: StateReader, text: string): LinkTarget {
  const address = addressOrNull(text);
  if (address === null) return MISSING;
  if (address.kind === 'agentid') {
    const { form, id } = address;
    return { isThere: form === 'token' ? state.get('agent', id) !== undefined : isTiny(state, id) };
  }
  const present = { ...address, temporal: { kind: 'now' } } as const;
  const name = formatAddress(present);
  if (address.project !== MESH_PROJECT) return submissionAt(state, name, address.temporal);
  const enrolled = enrolRecordOf(present);
  if (enrolled?.kind === 'enrolment') return { isThere: isTiny(state, enrolled.tinyHash) };
  const versions = state.get('revised', name) ?? 0;
  return { isThere: versionOf(address.temporal, versions) !== undefined };
}

/** The content id of the n-th version at an address, from 1; undefined when there is none. */
export function versionAt(state: StateReader, address: string, n: number): string | undefined {
  const there = state.get('addressed', address);
  if (there === undefined || n > there.versions) return undefined;
  return n === there.versions ? there.id : state.get('version', versionKey(address, n));
}

function submissionAt(state: StateReader, address: string, temporal: Temporal): LinkTarget {
  const there = state.get('addressed', address);
  const version = versionOf(temporal, there?.versions ?? 0);
  const id = version === undefined ? undefined : versionAt(state, address, version);
  return id === undefined ? MISSING : { isThere: true, id };
}

/** From the present on, as an address by itself is read: nothing comes after that. */
function versionOf(temporal: Temporal, versions: number): number | undefined {
  if (temporal.kind === 'forward') return undefined;
  const back = temporal.kind === 'back' ? temporal.steps : 0;
  const version = temporal.kind === 'version' ? temporal.version : versions - back;
  return version >= 1 && version <= versions ? version : undefined;
}

function isTiny(state: StateReader, tinyHash: string): boolean {
  return (state.get('tiny', tinyHash)?.length ?? 0) > 0;
}

function addressOrNull(text: string): Address | null {
  try {
    return parseAddress(text);
  } catch (error) {
    if (isCooeeError(error)) return null;
    throw error;
  }
}
