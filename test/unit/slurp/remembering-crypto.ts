import { hash } from 'node:crypto';
import type { Crypto } from '../../../protocols/interface/index.ts';

/** By far more than one test checks. */
const KEPT_MAX = 50_000;

/**
 * Checks a signature once and remembers what came of it: in these tests many nodes of one program
 * check the same ones, which takes longer than all the rest.
 */
export function rememberingCrypto({ sha256, verify, verifyRaw }: Crypto): Crypto {
  const known = new Map<string, boolean>();
  const once = (name: readonly (string | Uint8Array)[], check: () => boolean): boolean => {
    // Each part is hashed by itself: no two lists of parts come to the same text.
    const key = name.map((part) => hash('sha256', part, 'base64')).join(' ');
    const isValid = known.get(key) ?? check();
    if (known.size >= KEPT_MAX) known.clear();
    known.set(key, isValid);
    return isValid;
  };
  return {
    sha256,
    verify: (peer, data, signature) =>
      once([peer, data, signature], () => verify(peer, data, signature)),
    verifyRaw: (publicKey, data, signature) =>
      once(['raw', publicKey, data, signature], () => verifyRaw(publicKey, data, signature)),
  };
}
