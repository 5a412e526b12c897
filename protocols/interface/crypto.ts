/** SHA-256 of the bytes: 32 bytes. Synchronous: inputs are bounded by the limits table. */
export type Hash = (data: Uint8Array) => Uint8Array;

/**
 * Checks an Ed25519 signature (RFC 8032) of a peer. `peer` is a libp2p peer id in text form
 * (`12D3Koo…`), which carries its public key. Returns false, never throws, for anything that is not
 * a valid signature by that peer.
 */
export type Verify = (peer: string, data: Uint8Array, signature: Uint8Array) => boolean;

/**
 * Checks an Ed25519 signature by a raw 32-byte public key. Returns false, never throws, when it is
 * not valid.
 */
export type VerifyRaw = (publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array) => boolean;

/** Signs as this node. */
export interface Signer {
  /** This node's peer id in text form. */
  readonly peer: string;
  /** An Ed25519 signature: 64 bytes. */
  sign(data: Uint8Array): Uint8Array;
}

/** An Ed25519 key pair out of a 32-byte seed (invites, operator recovery key). */
export interface SeedKey {
  readonly publicKey: Uint8Array;
  sign(data: Uint8Array): Uint8Array;
}

/**
 * The pure cryptography that reducers and codecs may use: given in, so that tests can count or fake
 * it.
 */
export interface Crypto {
  readonly sha256: Hash;
  readonly verify: Verify;
  readonly verifyRaw: VerifyRaw;
}
