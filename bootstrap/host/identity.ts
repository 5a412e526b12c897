import { type Condition, CooeeError } from '../../protocols/interface/index.ts';
import { canonicalField } from './canonical.ts';
import type { DetectedIdentity } from './types.ts';

/** Where a fixed value came from. */
export type IdentitySource = 'flag' | 'system';

/**
 * Who this host is to the mesh: fixed at its first enrolment, since its agents' tokens hang on it.
 */
export interface HostIdentity {
  readonly hostname: string;
  /** 12 lower-case hex digits. */
  readonly mac: string;
  readonly hostnameFrom: IdentitySource;
  readonly macFrom: IdentitySource;
}

/** `cooee up --hostname H --mac M`, as typed. */
export interface IdentityFlags {
  readonly hostname?: string | undefined;
  readonly mac?: string | undefined;
}

/** What {@link reconcileHost} found. */
export interface ReconciledHost {
  readonly identity: HostIdentity;
  /** True when the identity stands in the home already. */
  readonly isFixed: boolean;
  /** `host-changed`, when the host now says something else than what is fixed. */
  readonly condition?: Condition;
}

const FIELDS = ['hostname', 'mac'] as const;
type Field = (typeof FIELDS)[number];

/**
 * Decides who this host is: the fixed identity, else the flags, else what was detected. After the
 * first enrolment another hostname or MAC (a new network card, a Mac that got a name from another
 * network) is a condition and not another identity. A value that came from a flag is not compared
 * with the system, which never was asked for it.
 *
 * @throws CooeeError ERR_AGENT_ID_TUPLE when a flag is no hostname or no MAC address
 * @throws CooeeError ERR_BOOTSTRAP_HOST_FACTS when neither flag nor system tells one
 */
export function reconcileHost(
  stored: HostIdentity | undefined,
  detected: DetectedIdentity,
  flags: IdentityFlags,
): ReconciledHost {
  const given = canonicalFlags(flags);
  if (stored === undefined) return { identity: firstIdentity(detected, given), isFixed: false };
  const changed = FIELDS.filter((field) => {
    const isFromFlag = stored[`${field}From`] === 'flag';
    const now = given[field] ?? (isFromFlag ? undefined : detected[field]);
    return now !== undefined && now !== stored[field];
  });
  if (changed.length === 0) return { identity: stored, isFixed: true };
  return { identity: stored, isFixed: true, condition: changedCondition(stored, changed) };
}

function canonicalFlags(flags: IdentityFlags): DetectedIdentity {
  const { hostname, mac } = flags;
  return {
    ...(hostname === undefined ? {} : { hostname: canonicalField('hostname', hostname) }),
    ...(mac === undefined ? {} : { mac: canonicalField('mac', mac) }),
  };
}

function firstIdentity(detected: DetectedIdentity, given: DetectedIdentity): HostIdentity {
  const hostname = given.hostname ?? detected.hostname;
  const mac = given.mac ?? detected.mac;
  if (hostname === undefined) throw missing('hostname');
  if (mac === undefined) throw missing('mac');
  return {
    hostname,
    mac,
    hostnameFrom: given.hostname === undefined ? 'system' : 'flag',
    macFrom: given.mac === undefined ? 'system' : 'flag',
  };
}

function missing(field: Field): CooeeError {
  const name = field === 'mac' ? 'MAC address' : 'hostname';
  return new CooeeError('ERR_BOOTSTRAP_HOST_FACTS', `This host has no usable ${name}.`, {
    details: { field },
  });
}

function changedCondition(stored: HostIdentity, changed: readonly Field[]): Condition {
  const fixed = changed.map((field) => `${field} ${stored[field]}`).join(' and ');
  return {
    code: 'host-changed',
    severity: 'warn',
    text: `This host enrolled with ${fixed}; that has changed and is not used.`,
    remedy: 'Nothing to do when it is the same host; a new host needs a home of its own (--home).',
  };
}
