import type { z } from 'zod';
import { CooeeError, type SeedKey, type Signer, type Verify } from '../interface/index.ts';
import { decodeAs, encodeCanonical } from './canonical.ts';
import { signedSchema } from './schema.ts';

/** Room for the signature and the framing around a signed body. */
const SIGNED_OVERHEAD_BYTES = 128;

const encoder = new TextEncoder();

/**
 * The kinds of signed bytes. Each has its own domain, so that a signature for one never passes for
 * another.
 */
export type SignedKind =
  | 'batch'
  | 'blocks'
  | 'claim'
  | 'gossip'
  | 'head'
  | 'invite-proof'
  | 'liveness'
  | 'recovery'
  | 'start';

/**
 * What is signed or hashed: the domain prefix `cooee/<kind>/<version>`, then the body as received.
 * A body begins with a CBOR map header, which is no digit, so no two (prefix, body) pairs run into
 * each other.
 */
export function signingInput(kind: SignedKind, body: Uint8Array): Uint8Array {
  const prefix = encoder.encode(`cooee/${kind}/1`);
  const input = new Uint8Array(prefix.length + body.length);
  input.set(prefix);
  input.set(body, prefix.length);
  return input;
}

/** Encodes a value and signs it: canonical bytes of `{b: body, s: signature}`. */
export function encodeSigned(
  key: Pick<Signer | SeedKey, 'sign'>,
  kind: SignedKind,
  value: unknown,
): Uint8Array {
  const b = encodeCanonical(value);
  return encodeCanonical({ b, s: key.sign(signingInput(kind, b)) });
}

/** Signed bytes taken apart; the signature is not checked yet. */
export interface Signed<T> {
  readonly value: T;
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Takes signed bytes apart and checks the body's shape. The signature is checked by
 * {@link isSignedBy} once the caller knows whose it must be (and has spent nothing on strangers).
 *
 * @throws CooeeError ERR_WIRE_TOO_LARGE, ERR_WIRE_MALFORMED, ERR_WIRE_VERSION
 */
export function decodeSigned<S extends z.ZodType>(
  schema: S,
  bytes: Uint8Array,
  bodyBytesMax: number,
): Signed<z.output<S>> {
  const outer = decodeAs(signedSchema(bodyBytesMax), bytes, bodyBytesMax + SIGNED_OVERHEAD_BYTES);
  return {
    value: decodeAs(schema, outer.b, bodyBytesMax),
    body: outer.b,
    signature: outer.s,
  };
}

/** Whether the signature is the peer's. */
export function isSignedBy(
  verify: Verify,
  kind: SignedKind,
  peer: string,
  signed: Pick<Signed<unknown>, 'body' | 'signature'>,
): boolean {
  return verify(peer, signingInput(kind, signed.body), signed.signature);
}

/** As {@link isSignedBy}, but throws. @throws CooeeError ERR_SLURP_SIGNATURE */
export function assertSignedBy(
  verify: Verify,
  kind: SignedKind,
  peer: string,
  signed: Pick<Signed<unknown>, 'body' | 'signature'>,
): void {
  if (!isSignedBy(verify, kind, peer, signed)) {
    throw new CooeeError('ERR_SLURP_SIGNATURE', `the ${kind} is not signed by ${peer}`, {
      details: { kind, peer },
    });
  }
}
