import { z } from 'zod';
import type { ErrorDetails, Signer, Verify } from '../interface/index.ts';
import { bytesOf, count, encodeCanonical, fromHex, signingInput, toHex } from '../wire/index.ts';

/** Sixteen random bytes in hex: what tells two live starts with the same boot number apart. */
export const bootNonceText = z.string().regex(/^[0-9a-f]{32}$/);

/** One start of a node: its number, and a nonce that no other start has. */
export interface Start {
  readonly boot: number;
  readonly bootNonce: string;
}

/** The fields of a {@link SignedStart} in a message. */
export const signedStartFields = {
  boot: count,
  bootNonce: bootNonceText,
  signature: bytesOf(64),
} as const;

/** A start that its node vouches for: nobody else can make one up. */
export interface SignedStart extends Start {
  /** Ed25519 signature of the node's key over {@link signStart}'s bytes. */
  readonly signature: Uint8Array;
}

const inputOf = (mesh: string, { boot, bootNonce }: Start): Uint8Array =>
  signingInput('start', encodeCanonical({ v: 1, mesh, boot, bootNonce }));

/**
 * Signs a start of this node in a mesh: canonical `{v: 1, mesh, boot, bootNonce}` in the domain
 * `cooee/start/1`.
 */
export function signStart(
  signer: Pick<Signer, 'sign'>,
  mesh: string,
  { boot, bootNonce }: Start,
): SignedStart {
  return { boot, bootNonce, signature: signer.sign(inputOf(mesh, { boot, bootNonce })) };
}

/** Whether the peer signed that start, in that mesh. */
export function isStartOf(
  verify: Verify,
  owner: { readonly peer: string; readonly mesh: string },
  start: SignedStart,
): boolean {
  return verify(owner.peer, inputOf(owner.mesh, start), start.signature);
}

/** A signed start as the details of an error: the proof that goes with ERR_MEMBERSHIP_CLONE. */
export function startDetails({ boot, bootNonce, signature }: SignedStart): ErrorDetails {
  return { boot, bootNonce, signature: toHex(signature) };
}

const detailsSchema = z.object({
  boot: count,
  bootNonce: bootNonceText,
  signature: z.string().regex(/^[0-9a-f]{128}$/),
});

/**
 * The signed start in the details of an error that a peer sent, not verified yet; undefined when
 * there is none.
 */
export function startIn(details: ErrorDetails): SignedStart | undefined {
  const parsed = detailsSchema.safeParse(details);
  if (!parsed.success) return undefined;
  const { boot, bootNonce, signature } = parsed.data;
  return { boot, bootNonce, signature: fromHex(signature) };
}
