import { hashTuple, isCanonicalTuple } from '../agent-id/index.ts';
import {
  CooeeError,
  type Crypto,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  LIMITS,
  type OriginRecord,
  type StateReader,
} from '../interface/index.ts';
import { assertSignedBy, equalBytes, type Signed, toHex } from '../wire/index.ts';
import { type Claim, decodeClaim, decodePlaintext, type EnrolmentPlaintext } from './codec.ts';

/** What an opened request is judged by. */
export interface EnrolmentContext {
  /** The peer that signed the gossip message. */
  readonly origin: string;
  /** The id that the message names. */
  readonly id: Uint8Array;
  readonly meshId: string;
  /** The leader's wall-clock time. */
  readonly nowMs: number;
  readonly state: StateReader;
  readonly crypto: Crypto;
}

/** A request that passed. */
export interface CheckedEnrolment extends EnrolmentPlaintext {
  readonly value: Claim;
}

/**
 * Judges an opened request before it is proposed. What depends on state that may change either way
 * (whose the host is, whether numbers are left) is left to the reducer: its answer has an index and
 * stands.
 *
 * @throws CooeeError ERR_ENROLMENT_MALFORMED (details.reason: form, id, gpu-info, tuple, hash,
 * repeated), _TOO_LARGE,
 *   _ORIGIN, _MESH, _MIXED_HOSTS, _TIME, _REPLAY; ERR_WIRE_VERSION; ERR_SLURP_SIGNATURE;
 *   ERR_MEMBERSHIP_NOT_MEMBER
 */
export function checkEnrolment(plaintext: Uint8Array, context: EnrolmentContext): CheckedEnrolment {
  const { claim, gpuInfo } = decodePlaintext(plaintext);
  const signed = decodeClaim(claim);
  const { value } = signed;
  if (!equalBytes(context.crypto.sha256(claim), context.id)) throw malformed('id');
  if (value.peer !== context.origin) {
    throw new CooeeError('ERR_ENROLMENT_ORIGIN', undefined, { details: { peer: value.peer } });
  }
  assertClaim(signed, context);
  if (gpuInfo.length !== value.agents.length) throw malformed('gpu-info');
  for (const [position, agent] of value.agents.entries()) {
    if (!isCanonicalTuple(agent)) throw malformed('tuple', { position });
  }
  if (Math.abs(value.timeMs - context.nowMs) > LIMITS.timeWindowMs) {
    throw new CooeeError('ERR_ENROLMENT_TIME', undefined, {
      details: { timeMs: value.timeMs, leaderTimeMs: context.nowMs },
    });
  }
  return { claim, gpuInfo, value };
}

/**
 * What the leader and every reducer check alike: mesh, membership, signature, hashes, one host, no
 * double, a new number. Uses nothing that differs between programs or over time.
 *
 * @throws CooeeError ERR_ENROLMENT_MALFORMED, _MESH, _MIXED_HOSTS, _REPLAY; ERR_SLURP_SIGNATURE;
 *   ERR_MEMBERSHIP_NOT_MEMBER
 */
export function assertClaim(
  signed: Signed<Claim>,
  context: Pick<EnrolmentContext, 'meshId' | 'state' | 'crypto'>,
): void {
  const { value } = signed;
  if (value.mesh !== context.meshId) throw new CooeeError('ERR_ENROLMENT_MESH');
  const member = context.state.get('member', value.peer);
  if (member === undefined || member.removedIndex !== null) {
    throw new CooeeError('ERR_MEMBERSHIP_NOT_MEMBER', undefined, { details: { peer: value.peer } });
  }
  assertSignedBy(context.crypto.verify, 'claim', value.peer, signed);
  assertAgents(value, context.crypto);
  if (!isAfter(value, context.state.get('enrolment', value.peer))) {
    throw new CooeeError('ERR_ENROLMENT_REPLAY', undefined, {
      details: { boot: value.boot, seq: value.seq },
    });
  }
}

/**
 * Whether the code judges the request itself, so that sending it again could not help. Others speak
 * of the moment (no leader, a full queue, a disk): the publisher goes on.
 */
export function isFinal(code: ErrorCode): boolean {
  const isOfRequest = /^ERR_(?:ENROLMENT|MEMBERSHIP)_/.test(code);
  const isOfForm = code === 'ERR_SLURP_SIGNATURE' || code === 'ERR_WIRE_VERSION';
  return (isOfRequest || isOfForm) && !ERROR_CODES[code].retryable;
}

/** Whether the number of a claim is above the last that was decided. */
export function isAfter(
  claim: Pick<Claim, 'boot' | 'seq'>,
  decided: OriginRecord | undefined,
): boolean {
  if (decided === undefined || claim.boot > decided.boot) return true;
  return claim.boot === decided.boot && claim.seq > decided.seq;
}

function assertAgents(claim: Claim, crypto: Crypto): void {
  const [first] = claim.agents;
  const seen = new Set<string>();
  for (const [position, agent] of claim.agents.entries()) {
    if (agent.hostname !== first?.hostname || agent.mac !== first.mac) {
      throw new CooeeError('ERR_ENROLMENT_MIXED_HOSTS', undefined, { details: { position } });
    }
    const hash = toHex(agent.hash);
    if (hashTuple(agent, crypto.sha256).hash !== hash) throw malformed('hash', { position });
    if (seen.has(hash)) throw malformed('repeated', { position });
    seen.add(hash);
  }
}

function malformed(reason: string, details: ErrorDetails = {}): CooeeError {
  return new CooeeError('ERR_ENROLMENT_MALFORMED', `the enrolment is malformed: ${reason}`, {
    details: { reason, ...details },
  });
}
