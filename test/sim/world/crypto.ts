import { hash } from 'node:crypto';
import { peerOfKey } from '../../../daemon/system/crypto.ts';
import type { Crypto, SeedKey, Signer } from '../../../protocols/interface/index.ts';

const SIGNATURE_BYTES = 64;

/**
 * Signatures that cost a hash: whoever has not got the key cannot make one, since nothing in a
 * simulation but {@link simSigner} and {@link simSeedKey} calls this with a key.
 */
function signatureOf(key: Uint8Array, data: Uint8Array): Uint8Array {
  const digest = hash('sha512', Buffer.concat([key, data]), 'buffer');
  return new Uint8Array(digest.subarray(0, SIGNATURE_BYTES));
}

const TEXT = new TextEncoder();

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The cryptography of a simulation: real hashes, imagined signatures. */
export const simCrypto: Crypto = {
  sha256: (data) => new Uint8Array(hash('sha256', data, 'buffer')),
  verify: (peer, data, signature) => isEqual(signatureOf(TEXT.encode(peer), data), signature),
  verifyRaw: (publicKey, data, signature) => isEqual(signatureOf(publicKey, data), signature),
};

/** A key pair; equal numbers are the same key. */
export function simSeedKey(number: number): SeedKey {
  const publicKey = simCrypto.sha256(TEXT.encode(`key ${number}`));
  return { publicKey, sign: (data) => signatureOf(publicKey, data) };
}

/** The signer of a node; equal numbers are the same node. */
export function simSigner(number: number): Signer {
  const peer = peerOfKey(simSeedKey(number).publicKey);
  const key = TEXT.encode(peer);
  return { peer, sign: (data) => signatureOf(key, data) };
}
