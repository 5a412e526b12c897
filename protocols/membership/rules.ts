import type { z } from 'zod';
import {
  type ApplyContext,
  type MeshRecord,
  type Outcome,
  refuse,
  type StateReader,
} from '../interface/index.ts';
import { decodeSigned, equalBytes, signingInput, toHex } from '../wire/index.ts';
import { type addBody, PROOF_BYTES_MAX, proofSchema } from './messages.ts';

/**
 * What the proof rule needs to know of where it is checked: at the door, and again when it is
 * applied.
 */
export type ProofContext = Pick<ApplyContext, 'crypto' | 'meshId' | 'timeMs'>;

/**
 * A refusal when the proof does not show that this very peer holds the invite; undefined when it
 * does.
 */
export function proofProblem(
  body: Pick<z.output<typeof addBody>, 'peer' | 'invite' | 'proof'>,
  context: ProofContext,
): Outcome | undefined {
  let proof: ReturnType<typeof decodeProof>;
  try {
    proof = decodeProof(body.proof);
  } catch {
    // Which byte is wrong is of no use to anybody but an attacker.
    return refuse('ERR_MEMBERSHIP_PROOF', 'the proof is malformed');
  }
  const { value } = proof;
  if (value.mesh !== context.meshId) return refuse('ERR_MEMBERSHIP_INVITE_FOREIGN');
  if (value.peer !== body.peer || !equalBytes(value.invite, body.invite)) {
    return refuse('ERR_MEMBERSHIP_PROOF', 'the proof is for another peer');
  }
  const input = signingInput('invite-proof', proof.body);
  if (!context.crypto.verifyRaw(body.invite, input, proof.signature)) {
    return refuse('ERR_MEMBERSHIP_PROOF');
  }
  // The joiner says how long it stands by its wish: a relay must not keep it for later.
  if (context.timeMs >= value.expiresMs) return refuse('ERR_MEMBERSHIP_INVITE_EXPIRED');
  return undefined;
}

/**
 * A refusal when the invite does not admit that peer at that time; undefined when it does, or when
 * the peer is a member already. What is refused here stays refused: uses are only spent,
 * revocations never taken back.
 */
export function inviteProblem(
  state: StateReader,
  body: Pick<z.output<typeof addBody>, 'peer' | 'invite'>,
  timeMs: number,
): Outcome | undefined {
  const key = toHex(body.invite);
  const invite = state.get('invite', key);
  if (invite === undefined) return refuse('ERR_MEMBERSHIP_INVITE_UNKNOWN');
  if (timeMs >= invite.expiresMs) return refuse('ERR_MEMBERSHIP_INVITE_EXPIRED');
  if (invite.isRevoked) return refuse('ERR_MEMBERSHIP_INVITE_UNKNOWN', 'the invite was revoked');
  const known = state.get('member', body.peer);
  if (known?.removedIndex === null) return undefined;
  if (known?.invite === key) {
    return refuse('ERR_MEMBERSHIP_REMOVED', 'a removed member needs a new invite');
  }
  return invite.usesLeft < 1 ? refuse('ERR_MEMBERSHIP_INVITE_USED') : undefined;
}

/** A refusal when a program that supports those levels cannot follow this mesh. */
export function levelProblem(
  state: StateReader,
  levels: z.output<typeof addBody>['levels'],
): Outcome | undefined {
  const mesh = state.get('mesh', 'mesh') as MeshRecord | undefined;
  if (mesh === undefined || (levels[0] <= mesh.level && mesh.level <= levels[1])) return undefined;
  return refuse('ERR_SLURP_LEVEL', 'the mesh speaks another version', { level: mesh.level });
}

function decodeProof(bytes: Uint8Array) {
  return decodeSigned(proofSchema, bytes, PROOF_BYTES_MAX);
}
