import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import fc from 'fast-check';
import { base58btc } from 'multiformats/bases/base58';
import { describe, expect, it } from 'vitest';
import {
  createNodeCrypto,
  keyOfPeer,
  nodeCrypto,
  nodeSigner,
  peerOfKey,
  seedKey,
} from '../../../../daemon/system/crypto.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
// RFC 8032 section 7.1, test 2.
const RFC = {
  seed: hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'),
  publicKey: hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
  message: hex('72'),
  signature: hex(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ),
};

describe('seedKey', () => {
  it('is Ed25519 of RFC 8032', () => {
    const key = seedKey(RFC.seed);
    expect(key.publicKey).toEqual(RFC.publicKey);
    expect(key.sign(RFC.message)).toEqual(RFC.signature);
    expect(nodeCrypto.verifyRaw(RFC.publicKey, RFC.message, RFC.signature)).toBe(true);
  });

  it.each([0, 31, 33, 64])('refuses a seed of %i bytes', (length) => {
    expect(() => seedKey(new Uint8Array(length))).toThrow(TypeError);
  });
});

describe('peer ids', () => {
  it('are those of libp2p, both ways', async () => {
    await fc.assert(
      fc.asyncProperty(seed, async (bytes) => {
        const key = await generateKeyPairFromSeed('Ed25519', bytes);
        const peer = peerIdFromPrivateKey(key).toString();
        expect(peerOfKey(key.publicKey.raw)).toBe(peer);
        expect(keyOfPeer(peer)).toEqual(key.publicKey.raw);
      }),
      { numRuns: 25 },
    );
  });

  it('have one spelling only, and other key types have none', async () => {
    const key = await generateKeyPair('Ed25519');
    const peer = peerOfKey(key.publicKey.raw);
    const id = peerIdFromPrivateKey(key);
    const other = peerIdFromPrivateKey(await generateKeyPair('secp256k1')).toString();
    const wrongPrefix = Uint8Array.of(0, 0x24, 8, 2, 0x12, 0x20, ...key.publicKey.raw);
    const refused = [
      '',
      `1${peer}`,
      `${peer}1`,
      peer.slice(1),
      ` ${peer}`,
      `z${peer}`,
      id.toCID().toString(),
      other,
      base58btc.baseEncode(wrongPrefix),
      '0'.repeat(52),
      'z'.repeat(52),
      'é'.repeat(52),
    ];
    for (const text of refused) expect(keyOfPeer(text), text).toBeUndefined();
  });
});

describe('signing and verifying', () => {
  it('agree with libp2p, both ways', async () => {
    const key = await generateKeyPair('Ed25519');
    const signer = nodeSigner(key);
    const data = Buffer.from('cooee/test/1');
    const signature = signer.sign(data);
    expect(signer.peer).toBe(peerIdFromPrivateKey(key).toString());
    expect(await key.publicKey.verify(data, signature)).toBe(true);
    expect(nodeCrypto.verify(signer.peer, data, await key.sign(data))).toBe(true);
  });

  it('find every changed bit of signature, data and key', () => {
    const key = seedKey(RFC.seed);
    const data = Uint8Array.from({ length: 20 }, (_, n) => n);
    const signature = key.sign(data);
    const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
      const copy = bytes.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      return copy;
    };
    for (let bit = 0; bit < 512; bit += 7) {
      expect(nodeCrypto.verifyRaw(key.publicKey, data, flipped(signature, bit))).toBe(false);
    }
    for (let bit = 0; bit < 160; bit += 3) {
      expect(nodeCrypto.verifyRaw(key.publicKey, flipped(data, bit), signature)).toBe(false);
    }
    for (let bit = 0; bit < 256; bit += 5) {
      expect(nodeCrypto.verifyRaw(flipped(key.publicKey, bit), data, signature)).toBe(false);
    }
  });

  it('say false, and never throw, for whatever is no signature', () => {
    const bytes = fc.uint8Array({ maxLength: 80 });
    fc.assert(
      fc.property(fc.string(), bytes, bytes, bytes, (peer, key, data, signature) => {
        expect(nodeCrypto.verify(peer, data, signature)).toBe(false);
        expect(nodeCrypto.verifyRaw(key, data, signature)).toBe(false);
      }),
    );
    const zeros = new Uint8Array(64);
    expect(nodeCrypto.verify(peerOfKey(RFC.publicKey), RFC.message, zeros)).toBe(false);
    expect(nodeCrypto.verify(peerOfKey(zeros.slice(0, 32)), RFC.message, RFC.signature)).toBe(
      false,
    );
  });

  it('stay right when far more keys are used than are kept', () => {
    const crypto = createNodeCrypto(2);
    const keys = Array.from({ length: 6 }, (_, n) => seedKey(new Uint8Array(32).fill(n + 1)));
    for (let round = 0; round < 3; round += 1) {
      for (const [n, key] of keys.entries()) {
        const next = keys[(n + 1) % keys.length]!;
        const signature = key.sign(RFC.message);
        expect(crypto.verifyRaw(key.publicKey, RFC.message, signature)).toBe(true);
        expect(crypto.verify(peerOfKey(key.publicKey), RFC.message, signature)).toBe(true);
        expect(crypto.verify(peerOfKey(next.publicKey), RFC.message, signature)).toBe(false);
      }
    }
  });

  it('is not fooled by a key array that its owner changes afterwards', () => {
    const crypto = createNodeCrypto();
    const [one, two] = [seedKey(RFC.seed), seedKey(new Uint8Array(32).fill(9))];
    const name = one.publicKey.slice();
    expect(crypto.verifyRaw(name, RFC.message, RFC.signature)).toBe(true);
    name.set(two.publicKey);
    expect(crypto.verifyRaw(name, RFC.message, RFC.signature)).toBe(false);
    expect(crypto.verifyRaw(name, RFC.message, two.sign(RFC.message))).toBe(true);
  });
});

describe('sha256', () => {
  it('is SHA-256', () => {
    const abc = Buffer.from(nodeCrypto.sha256(Buffer.from('abc'))).toString('hex');
    expect(abc).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
