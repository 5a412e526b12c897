import {
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
} from 'node:crypto';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { base58btc } from 'multiformats/bases/base58';
import type { Crypto, SeedKey, Signer } from '../../protocols/interface/index.ts';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Imported keys that are kept: importing costs about as much as half a verification. */
const KEYS_KEPT_MAX = 1024;
/** RFC 8410: what stands before the 32 bytes of a seed (PKCS #8) and of a public key (SPKI). */
const SEED_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
/**
 * Identity multihash of 36 bytes over the libp2p protobuf {1: Ed25519, 2: 32 bytes}; libp2p
 * peer-ids spec.
 */
const PEER_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
const PEER_TEXT_LENGTH = 52;

/**
 * The peer id in text form (`12D3Koo…`) of a raw Ed25519 public key. @throws TypeError unless it
 * has 32 bytes
 */
export function peerOfKey(publicKey: Uint8Array): string {
  if (publicKey.length !== KEY_BYTES) throw new TypeError('an Ed25519 public key has 32 bytes');
  return base58btc.baseEncode(Buffer.concat([PEER_PREFIX, publicKey]));
}

/**
 * The raw Ed25519 public key in a peer id, or undefined when the text is not the one canonical text
 * form of an Ed25519 peer id. Peers are keys of maps everywhere, so a second spelling of the same
 * peer must not pass.
 */
export function keyOfPeer(peer: string): Uint8Array | undefined {
  if (peer.length !== PEER_TEXT_LENGTH) return undefined;
  try {
    const bytes = base58btc.baseDecode(peer);
    if (bytes.length !== PEER_PREFIX.length + KEY_BYTES) return undefined;
    const key = bytes.slice(PEER_PREFIX.length);
    return peerOfKey(key) === peer ? key : undefined;
  } catch {
    return undefined; // not base58
  }
}

/** Imported public keys by name, the least recently used dropped first. */
class KeyCache {
  readonly #keys = new Map<string, KeyObject>();
  readonly #countMax: number;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get(name: string, raw: () => Uint8Array | undefined): KeyObject | undefined {
    const known = this.#keys.get(name);
    const key = known ?? importPublicKey(raw());
    if (key === undefined) return undefined;
    this.#keys.delete(name); // so that it becomes the youngest
    this.#keys.set(name, key);
    if (this.#keys.size > this.#countMax) this.#dropOldest();
    return key;
  }

  #dropOldest(): void {
    const oldest = this.#keys.keys().next();
    if (oldest.done !== true) this.#keys.delete(oldest.value);
  }
}

function importPublicKey(raw: Uint8Array | undefined): KeyObject | undefined {
  if (raw?.length !== KEY_BYTES) return undefined;
  const key = Buffer.concat([PUBLIC_PREFIX, raw]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

/** The {@link Crypto} port on OpenSSL: synchronous, a few times faster than pure JavaScript. */
export function createNodeCrypto(keysKeptMax: number = KEYS_KEPT_MAX): Crypto {
  const peers = new KeyCache(keysKeptMax);
  const raws = new KeyCache(keysKeptMax);
  return {
    sha256: (data) => new Uint8Array(hash('sha256', data, 'buffer')),
    verify: (peer, data, signature) =>
      check(() => peers.get(peer, () => keyOfPeer(peer)), data, signature),
    verifyRaw: (publicKey, data, signature) => {
      const name = (): string => Buffer.from(publicKey).toString('base64');
      return check(() => raws.get(name(), () => publicKey), data, signature);
    },
  };
}

/** The process's one {@link Crypto}. */
export const nodeCrypto: Crypto = createNodeCrypto();

function check(key: () => KeyObject | undefined, data: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  try {
    const imported = key();
    return imported !== undefined && verifyWith(null, data, imported, signature);
  } catch {
    return false; // the port's contract: whatever is wrong with it, it is no valid signature
  }
}

/** Signs as the node with that libp2p key. */
export function nodeSigner(privateKey: Ed25519PrivateKey): Signer {
  const { publicKey, sign } = seedKey(privateKey.raw.slice(0, KEY_BYTES));
  return { peer: peerOfKey(publicKey), sign };
}

/** The Ed25519 key pair of a seed (RFC 8032). @throws TypeError unless the seed has 32 bytes */
export function seedKey(seed: Uint8Array): SeedKey {
  if (seed.length !== KEY_BYTES) throw new TypeError('an Ed25519 seed has 32 bytes');
  const key = Buffer.concat([SEED_PREFIX, seed]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(PUBLIC_PREFIX.length)),
    sign: (data) => new Uint8Array(signWith(null, data, privateKey)),
  };
}
