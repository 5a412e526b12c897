import type { z } from 'zod';
import { type ApplyContext, type Outcome, refuse } from '../interface/index.ts';
import { decodeSigned, equalBytes, signingInput } from '../wire/index.ts';
import { type addBody, PROOF_BYTES_MAX, proofSchema } from './messages.ts';

/** What the proof rule needs to know of where it is checked: at the door, and again when it is applied. */
export type ProofContext = Pick<ApplyContext, 'crypto' | 'meshId'>;

/** A refusal when the proof does not show that this very peer holds the invite; undefined when it does. */
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
  return undefined;
}

function decodeProof(bytes: Uint8Array) {
  return decodeSigned(proofSchema, bytes, PROOF_BYTES_MAX);
}
