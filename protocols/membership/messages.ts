import { z } from 'zod';
import { LIMITS, type SeedKey } from '../interface/index.ts';
import {
  addressList,
  bytesOf,
  bytesUpTo,
  cidText,
  count,
  decodeAs,
  encodeCanonical,
  encodeSigned,
  nameText,
  peerIdText,
  timeMs,
} from '../wire/index.ts';
import { bootNonceText, signedStartFields } from './start.ts';

/**
 * The protocol that a guest may speak, besides identify. Without the mesh's id: the answer may be
 * "another mesh".
 */
export const JOIN_PROTOCOL = '/cooee/join/1';

/** A message of the join protocol: an invite proof, a name and some addresses. */
const JOIN_BYTES_MAX = 8 * 1024;

/** Room of a signed proof. */
export const PROOF_BYTES_MAX = 512;

/**
 * What the joiner signs with the invite's key. It names the joiner's own peer id, which Noise
 * proves on the connection, so whoever relays it cannot use it.
 */
export const proofSchema = z.strictObject({
  v: z.literal(1),
  mesh: cidText,
  invite: bytesOf(32),
  peer: peerIdText,
  expiresMs: timeMs,
});

/** See {@link proofSchema}. */
export type InviteProof = z.output<typeof proofSchema>;

/** Signs a proof with the invite's key. */
export function encodeProof(key: SeedKey, proof: Omit<InviteProof, 'v' | 'invite'>): Uint8Array {
  return encodeSigned(key, 'invite-proof', { v: 1, ...proof, invite: key.publicKey });
}

const level = z.number().int().min(1).max(255);

/** The mesh levels that a program supports, from and to. */
export const levelsSchema = z
  .tuple([level, level])
  .refine(([from, to]) => from <= to, { message: 'expected the lower level first' });

const redeemSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('redeem'),
  mesh: cidText,
  name: nameText,
  addresses: addressList,
  levels: levelsSchema,
  invite: bytesOf(32),
  proof: bytesUpTo(PROOF_BYTES_MAX),
  /**
   * Size of the log that the invite speaks of: a member that lags behind it pulls before it
   * refuses.
   */
  logIndex: count,
});

const presentSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('present'),
  mesh: cidText,
  /** Log index of the sender's admission: a member that lags behind it pulls before it refuses. */
  addedIndex: count,
  /** The sender's present start, signed by it. */
  ...signedStartFields,
});

const requestSchema = z.discriminatedUnion('kind', [redeemSchema, presentSchema]);

/** A request of the join protocol: `redeem` an invite, or `present` oneself as a member. */
export type JoinRequest = z.output<typeof requestSchema>;

const responseSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('admitted'),
  /** Log index of the admission. */
  index: count,
});

/** The answer of the join protocol; a refusal is a typed error instead. */
export type JoinResponse = z.output<typeof responseSchema>;

/** Encodes a request of the join protocol. */
export function encodeJoinRequest(request: JoinRequest): Uint8Array {
  return encodeCanonical(request);
}

/** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
export function decodeJoinRequest(bytes: Uint8Array): JoinRequest {
  return decodeAs(requestSchema, bytes, JOIN_BYTES_MAX);
}

/** Encodes the answer of the join protocol. */
export function encodeJoinResponse(index: number): Uint8Array {
  return encodeCanonical({ v: 1, kind: 'admitted', index } satisfies JoinResponse);
}

/** @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION */
export function decodeJoinResponse(bytes: Uint8Array): JoinResponse {
  return decodeAs(responseSchema, bytes, JOIN_BYTES_MAX);
}

/** Bodies of the commands of this folder; the closed union of all kinds is in protocols/slurp. */
export const genesisBody = z.strictObject({
  name: nameText,
  memberName: nameText,
  addresses: addressList,
  /** Public half of the operator recovery key. */
  recovery: bytesOf(32),
  nonce: bytesOf(16),
  levels: levelsSchema,
});

/** `member.add`: the proof is the authority, whoever carries it. */
export const addBody = z.strictObject({
  peer: peerIdText,
  name: nameText,
  addresses: addressList,
  levels: levelsSchema,
  invite: bytesOf(32),
  proof: bytesUpTo(PROOF_BYTES_MAX),
});

/** `member.remove`: by an admin, or of oneself. */
export const removeBody = z.strictObject({ peer: peerIdText });

/** `member.role`: by an admin. */
export const roleBody = z.strictObject({
  peer: peerIdText,
  role: z.enum(['member', 'curator', 'admin']),
});

/** `member.boot`: a node registers its start. Travels alone in its batch. */
export const bootBody = z.strictObject({
  boot: count.min(1),
  bootNonce: bootNonceText,
  name: nameText,
  addresses: addressList,
  levels: levelsSchema,
});

/** `invite.issue`: by an admin. */
export const issueBody = z.strictObject({
  key: bytesOf(32),
  role: z.enum(['member', 'curator', 'admin']),
  uses: z.number().int().min(1).max(LIMITS.inviteUsesMax),
  expiresMs: timeMs,
});

/** `invite.revoke`: by an admin. */
export const revokeBody = z.strictObject({ key: bytesOf(32) });

/** `mesh.settings`: by an admin; what is not given stays. */
export const settingsBody = z.strictObject({
  name: nameText.optional(),
  votersTarget: z.union([z.literal('auto'), z.literal(1), z.literal(3), z.literal(5)]).optional(),
  level: z.number().int().min(1).max(255).optional(),
});
