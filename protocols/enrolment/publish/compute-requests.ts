import { type AgentTupleInput, canonicalTuple, hashTuple } from '../../agent-id/index.ts';
import {
  CooeeError,
  type Hash,
  isCooeeError,
  isWithinUtf8,
  LIMITS,
  type Signer,
} from '../../interface/index.ts';
import { toHex } from '../../wire/index.ts';
import { type ClaimedAgent, claimId, decodeClaim, encodeClaim, encodePlaintext } from '../codec.ts';
import type { PendingRequest } from './pending.ts';

/** An agent that its host wants enrolled. */
export interface AgentToEnrol extends AgentTupleInput {
  /** Free text about the GPU (UUID, name): at most 255 bytes. Only the leader sees it. */
  readonly gpuInfo?: string;
}

/** An agent in canonical form, with what goes with it. */
export interface PreparedAgent {
  readonly claimed: ClaimedAgent;
  /** Hex. */
  readonly hash: string;
  readonly gpuInfo: string;
}

/**
 * Brings a list into canonical form, in its order.
 *
 * @throws CooeeError ERR_AGENT_ID_TUPLE; ERR_ENROLMENT_TOO_LARGE (more than 256 agents, long
 * gpuInfo);
 *   ERR_ENROLMENT_MALFORMED (empty list); ERR_ENROLMENT_MIXED_HOSTS
 */
export function prepareAgents(sha256: Hash, agents: readonly AgentToEnrol[]): PreparedAgent[] {
  if (agents.length === 0) throw new CooeeError('ERR_ENROLMENT_MALFORMED', 'no agent is named');
  if (agents.length > LIMITS.agentsPerHostMax) {
    throw new CooeeError('ERR_ENROLMENT_TOO_LARGE', undefined, {
      details: { agents: agents.length, agentsMax: LIMITS.agentsPerHostMax },
    });
  }
  const prepared = agents.map((agent, position) => prepareAgent(sha256, agent, position));
  const [first] = prepared;
  for (const [position, { claimed }] of prepared.entries()) {
    if (claimed.hostname !== first?.claimed.hostname || claimed.mac !== first.claimed.mac) {
      throw new CooeeError('ERR_ENROLMENT_MIXED_HOSTS', undefined, { details: { position } });
    }
  }
  return prepared;
}

function prepareAgent(sha256: Hash, agent: AgentToEnrol, position: number): PreparedAgent {
  const gpuInfo = agent.gpuInfo ?? '';
  if (!isWithinUtf8(gpuInfo, LIMITS.gpuInfoBytesMax)) {
    throw new CooeeError('ERR_ENROLMENT_TOO_LARGE', 'the description of a GPU is too long', {
      details: { position, bytesMax: LIMITS.gpuInfoBytesMax },
    });
  }
  const { model, hostname, mac, gpu_id } = canonicalTuple(agent);
  const { hash } = hashTuple({ model, hostname, mac, gpu_id }, sha256);
  const claimed = { model, hostname, mac, gpu_id, hash: fromHex(hash) };
  return { claimed, hash, gpuInfo };
}

/** What a claim says besides its agents. */
export interface ClaimHead {
  readonly mesh: string;
  readonly boot: number;
  readonly timeMs: number;
  /** The next number. */
  readonly next: () => number;
}

/** Signs the requests for a list: as few as fit, each below 48 KiB. Doubles are named once. */
export function computeRequests(
  by: { readonly signer: Signer; readonly sha256: Hash },
  agents: readonly PreparedAgent[],
  head: ClaimHead,
): PendingRequest[] {
  const unique = [...new Map(agents.map((agent) => [agent.hash, agent])).values()];
  const requests = split(by, head, unique);
  const group = requests[0]?.id ?? '';
  return requests.map((request) => ({ ...request, group }));
}

function split(
  by: { readonly signer: Signer; readonly sha256: Hash },
  head: ClaimHead,
  agents: readonly PreparedAgent[],
): PendingRequest[] {
  // Sized with a number of the most digits, so that no number is taken for a list that proves too
  // long.
  const probe = signRequest(by, { ...head, seq: Number.MAX_SAFE_INTEGER }, agents);
  if (agents.length > 1 && !fits(probe)) {
    const half = agents.length >>> 1;
    return [...split(by, head, agents.slice(0, half)), ...split(by, head, agents.slice(half))];
  }
  return [signRequest(by, { ...head, seq: head.next() }, agents)];
}

function signRequest(
  { signer, sha256 }: { readonly signer: Signer; readonly sha256: Hash },
  { mesh, boot, seq, timeMs }: Omit<ClaimHead, 'next'> & { readonly seq: number },
  agents: readonly PreparedAgent[],
): PendingRequest {
  const claimed = agents.map((agent) => agent.claimed);
  const claim = encodeClaim(signer, { mesh, boot, seq, timeMs, agents: claimed });
  const id = claimId(sha256, claim);
  const value = { v: 1 as const, mesh, boot, seq, timeMs, peer: signer.peer, agents: claimed };
  return { id, group: id, claim, value, gpuInfo: agents.map(({ gpuInfo }) => gpuInfo) };
}

/** Signs a request anew for the present mesh and time; its number stays, so it is decided once. */
export function renewRequest(
  signer: Signer,
  request: PendingRequest,
  now: { readonly mesh: string; readonly timeMs: number },
): PendingRequest {
  const { boot, seq, agents } = request.value;
  const claim = encodeClaim(signer, { ...now, boot, seq, agents });
  return { ...request, claim, value: decodeClaim(claim).value };
}

function fits({ claim, gpuInfo }: PendingRequest): boolean {
  try {
    encodePlaintext({ claim, gpuInfo: [...gpuInfo] });
    return true;
  } catch (error) {
    if (isCooeeError(error, 'ERR_ENROLMENT_TOO_LARGE')) return false;
    throw error;
  }
}

function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  }
  return bytes;
}

/** The hash of an agent in a claim, in hex. */
export function hashOf(agent: ClaimedAgent): string {
  return toHex(agent.hash);
}
