import { hash } from 'node:crypto';

/** SHA-256 by Node, for tests of pure code that takes it as a port. */
export function sha256(data: Uint8Array): Uint8Array {
  return hash('sha256', data, 'buffer');
}
