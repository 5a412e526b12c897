import { CID } from 'multiformats/cid';
import { create as createDigest } from 'multiformats/hashes/digest';
import type { Hash } from '../interface/index.ts';

const DAG_CBOR_CODE = 0x71;
const SHA2_256_CODE = 0x12;

/**
 * The content id of canonical bytes: CIDv1, dag-cbor, SHA2-256, base32
 * (https://github.com/multiformats/cid).
 */
export function cidOf(sha256: Hash, bytes: Uint8Array): string {
  return CID.createV1(DAG_CBOR_CODE, createDigest(SHA2_256_CODE, sha256(bytes))).toString();
}
