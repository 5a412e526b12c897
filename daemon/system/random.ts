import { randomBytes } from 'node:crypto';
import type { Random } from '../../protocols/interface/index.ts';

/** The system's randomness: `bytes` for secrets, `fraction` for jitter. */
export const systemRandom: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  fraction: () => Math.random(),
};
