import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCooeeError } from '../../../protocols/interface/index.ts';
import {
  byeStatement,
  HINTS_MAX,
  LIVENESS_BYTES_MAX,
  type LivenessAnswer,
  type LivenessRequest,
  livenessAnswer,
  livenessRequest,
  proofStatement,
} from '../../../protocols/liveness/codec.ts';
import { encodeCanonical } from '../../../protocols/wire/index.ts';
import { MESH_ID, peerOf } from './imagined-mesh.ts';

// Goal: what is sent is read as it was meant, and whatever else comes is a typed refusal.

const nonce = new Uint8Array(16).fill(7);
const key = { sign: (): Uint8Array => new Uint8Array(64).fill(1) };
const proof = { v: 1, kind: 'proof', mesh: MESH_ID, nonce, boot: 3 } as const;
const bye = { v: 1, kind: 'bye', mesh: MESH_ID, boot: 3 } as const;
const hints = Array.from({ length: HINTS_MAX }, (_, n) => peerOf(n));

const REQUESTS: readonly LivenessRequest[] = [
  { v: 1, kind: 'ping', boot: 1, hints },
  { v: 1, kind: 'ask', peer: peerOf(1), nonce },
  { v: 1, kind: 'prove', nonce },
  { v: 1, kind: 'bye', statement: byeStatement.encode(key, bye) },
];
const ANSWERS: readonly LivenessAnswer[] = [
  { v: 1, kind: 'pong', boot: 1, hints, receivedMs: 5, sentMs: 6, leader: peerOf(2) },
  { v: 1, kind: 'proof', statement: proofStatement.encode(key, proof) },
  { v: 1, kind: 'silent' },
  { v: 1, kind: 'silent', bye: byeStatement.encode(key, bye) },
  { v: 1, kind: 'noted' },
];

const refusalOf = (read: () => unknown): string => {
  try {
    read();
    return 'read';
  } catch (error) {
    return isCooeeError(error) ? error.code : String(error);
  }
};

describe('liveness messages', () => {
  it('come back as they were, within their limit', () => {
    for (const request of REQUESTS) {
      const bytes = livenessRequest.encode(request);
      expect(bytes.length).toBeLessThan(LIVENESS_BYTES_MAX);
      expect(livenessRequest.decode(bytes)).toEqual(request);
    }
    for (const answer of ANSWERS) {
      expect(livenessAnswer.decode(livenessAnswer.encode(answer))).toEqual(answer);
    }
    expect(proofStatement.decode(proofStatement.encode(key, proof)).value).toEqual(proof);
    expect(byeStatement.decode(byeStatement.encode(key, bye)).value).toEqual(bye);
  });

  it('are no statements of the other kind', () => {
    const asBye = refusalOf(() => byeStatement.decode(proofStatement.encode(key, proof)));
    expect(asBye).toBe('ERR_WIRE_MALFORMED');
  });

  it.each([
    ['nothing', {}],
    ['an unknown kind', { v: 1, kind: 'kill', peer: peerOf(1) }],
    ['a field too many', { v: 1, kind: 'prove', nonce, more: 1 }],
    ['a short nonce', { v: 1, kind: 'prove', nonce: nonce.slice(1) }],
    ['no peer id', { v: 1, kind: 'ask', peer: 'me', nonce }],
    ['too many hints', { v: 1, kind: 'ping', boot: 1, hints: [...hints, peerOf(9)] }],
    ['a negative start', { v: 1, kind: 'ping', boot: -1, hints: [] }],
  ])('with %s are refused', (_what, value) => {
    expect(refusalOf(() => livenessRequest.decode(encodeCanonical(value)))).toBe(
      'ERR_WIRE_MALFORMED',
    );
  });

  it('of a newer version are told apart', () => {
    const newer = encodeCanonical({ v: 2, kind: 'ping', more: true });
    expect(refusalOf(() => livenessRequest.decode(newer))).toBe('ERR_WIRE_VERSION');
  });

  it('of any bytes are a typed refusal or a message', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 4_096 }), (bytes) => {
      for (const read of [livenessRequest.decode, livenessAnswer.decode, proofStatement.decode]) {
        expect(refusalOf(() => read(bytes))).toMatch(/^ERR_WIRE_|^read$/);
      }
    });
    fc.assert(property);
  });
});
