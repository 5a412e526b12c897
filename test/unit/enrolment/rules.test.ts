import { describe, expect, it } from 'vitest';
import {
  type ClaimedAgent,
  checkEnrolment,
  type EnrolmentContext,
} from '../../../protocols/enrolment/index.ts';
import { isFinal } from '../../../protocols/enrolment/rules.ts';
import { LIMITS } from '../../../protocols/interface/index.ts';
import { encodeCanonical, encodeSigned } from '../../../protocols/wire/index.ts';
import {
  alice,
  bob,
  type ClaimOptions,
  claimed,
  crypto,
  MESH,
  makeClaim,
  makeSigner,
  OTHER_MESH,
  tuple,
  World,
} from './fixtures.ts';

// Goal: every way in which an opened request can be wrong has its own refusal, and a right one
// passes.

const seal = (claim: Uint8Array, gpuInfo = ['RTX']): Uint8Array =>
  encodeCanonical({ v: 1, claim, gpuInfo });

function check(
  claim: Uint8Array,
  more: Partial<EnrolmentContext> & { plaintext?: Uint8Array } = {},
) {
  const { plaintext = seal(claim), ...context } = more;
  return checkEnrolment(plaintext, {
    origin: alice.peer,
    id: crypto.sha256(claim),
    meshId: MESH,
    nowMs: 1_000,
    state: new World().state,
    crypto,
    ...context,
  });
}

const one = claimed(tuple('llama3-70b'));
const claimOf = (agents: readonly ClaimedAgent[] = [one], options: ClaimOptions = {}) =>
  makeClaim(alice, agents, options);
const refusal = (code: string, details: object = {}) =>
  expect.objectContaining({ code, details: expect.objectContaining(details) });

describe('checkEnrolment', () => {
  it('passes a right request', () => {
    const checked = check(claimOf());
    expect(checked.value).toMatchObject({ peer: alice.peer, boot: 1, seq: 1, agents: [one] });
    expect(checked.gpuInfo).toEqual(['RTX']);
  });

  it('refuses another outer origin, mesh and id', () => {
    const claim = claimOf();
    expect(() => check(claim, { origin: bob.peer })).toThrow(refusal('ERR_ENROLMENT_ORIGIN'));
    expect(() => check(claimOf([one], { mesh: OTHER_MESH }))).toThrow(
      refusal('ERR_ENROLMENT_MESH'),
    );
    expect(() => check(claim, { id: new Uint8Array(32) })).toThrow(
      refusal('ERR_ENROLMENT_MALFORMED', { reason: 'id' }),
    );
  });

  it('refuses strangers, removed members and forged signatures', () => {
    const stranger = makeSigner(9);
    const claim = makeClaim(stranger, [one]);
    expect(() => check(claim, { origin: stranger.peer })).toThrow(
      refusal('ERR_MEMBERSHIP_NOT_MEMBER'),
    );
    const world = new World();
    world.remove(alice.peer);
    expect(() => check(claimOf(), { state: world.state })).toThrow(
      refusal('ERR_MEMBERSHIP_NOT_MEMBER'),
    );
    const forged = makeClaim({ peer: alice.peer, sign: bob.sign }, [one]);
    expect(() => check(forged)).toThrow(refusal('ERR_SLURP_SIGNATURE'));
    // A signature of the same bytes for another purpose is none.
    const value = { v: 1, mesh: MESH, peer: alice.peer, boot: 1, seq: 1, timeMs: 1, agents: [one] };
    expect(() => check(encodeSigned(alice, 'gossip', value))).toThrow(
      refusal('ERR_SLURP_SIGNATURE'),
    );
  });

  it.each([
    ['upper case', { ...tuple('llama'), model: 'Llama' }],
    ['blanks', { ...tuple('llama'), hostname: ' alpha' }],
    ['not NFC', { ...tuple('llama'), model: 'e\u0301' }],
    ['an invisible character', { ...tuple('llama'), model: 'll\u200bama' }],
  ])('refuses a tuple in no canonical form: %s', (_name, wrong) => {
    expect(() => check(claimOf([claimed(wrong)]))).toThrow(
      refusal('ERR_ENROLMENT_MALFORMED', { reason: 'tuple', position: 0 }),
    );
  });

  it.each([
    ['a bar', { ...one, model: 'a|b' }],
    ['a control character', { ...one, model: 'a\u0007' }],
    ['an empty field', { ...one, hostname: '' }],
    ['256 bytes', { ...one, model: 'ü'.repeat(128) }],
    ['a MAC with colons', { ...one, mac: 'aa:bb:cc:dd:ee:01' }],
    ['GPU 16', { ...one, gpu_id: '16' }],
    ['GPU 01', { ...one, gpu_id: '01' }],
    ['a short hash', { ...one, hash: new Uint8Array(31) }],
    ['an unknown field', { ...one, gpu_info: 'x' }],
  ])('refuses a tuple out of form: %s', (_name, wrong) => {
    expect(() => check(claimOf([wrong]))).toThrow(
      refusal('ERR_ENROLMENT_MALFORMED', { reason: 'form' }),
    );
  });

  it('refuses a wrong hash, a double, two hosts, and GPU texts that do not fit', () => {
    const wrong = { ...claimed(tuple('other')), model: 'llama' };
    expect(() => check(claimOf([wrong]))).toThrow(
      refusal('ERR_ENROLMENT_MALFORMED', { reason: 'hash' }),
    );
    expect(() => check(claimOf([one, one]))).toThrow(
      refusal('ERR_ENROLMENT_MALFORMED', { reason: 'repeated', position: 1 }),
    );
    const elsewhere = claimed(tuple('llama', '0', 'beta-node'));
    expect(() => check(claimOf([one, elsewhere]))).toThrow(
      refusal('ERR_ENROLMENT_MIXED_HOSTS', { position: 1 }),
    );
    const claim = claimOf();
    expect(() => check(claim, { plaintext: seal(claim, ['a', 'b']) })).toThrow(
      refusal('ERR_ENROLMENT_MALFORMED', { reason: 'gpu-info' }),
    );
    expect(() => check(claim, { plaintext: seal(claim, ['x'.repeat(256)]) })).toThrow(
      refusal('ERR_ENROLMENT_MALFORMED', { reason: 'form' }),
    );
  });

  it('takes five minutes either way and not a millisecond more', () => {
    const nowMs = 10 * LIMITS.timeWindowMs;
    for (const way of [-1, 1]) {
      const edge = nowMs + way * LIMITS.timeWindowMs;
      expect(check(claimOf([one], { timeMs: edge }), { nowMs }).value.timeMs).toBe(edge);
      expect(() => check(claimOf([one], { timeMs: edge + way }), { nowMs })).toThrow(
        refusal('ERR_ENROLMENT_TIME'),
      );
    }
  });

  it('refuses what the log has decided, also of an earlier start', () => {
    const world = new World();
    expect(world.grant(claimOf([one], { boot: 2, seq: 5 })).ok).toBe(true);
    for (const number of [
      { boot: 2, seq: 5 },
      { boot: 2, seq: 4 },
      { boot: 1, seq: 9 },
    ]) {
      expect(() => check(claimOf([one], number), { state: world.state })).toThrow(
        refusal('ERR_ENROLMENT_REPLAY', number),
      );
    }
    const next = claimOf([one], { boot: 3, seq: 1 });
    expect(check(next, { state: world.state }).value.boot).toBe(3);
  });

  it('refuses garbage, other encodings, oversize and unknown versions', () => {
    const claim = claimOf();
    const garbage = new Uint8Array(100).fill(7);
    const form = refusal('ERR_ENROLMENT_MALFORMED', { reason: 'form' });
    expect(() => check(claim, { plaintext: garbage })).toThrow(form);
    expect(() => check(garbage)).toThrow(form);
    expect(() => check(claim, { plaintext: new Uint8Array(0) })).toThrow(form);
    const large = new Uint8Array(LIMITS.enrolmentBytesMax + 1);
    expect(() => check(claim, { plaintext: large })).toThrow(refusal('ERR_ENROLMENT_TOO_LARGE'));
    const newer = encodeCanonical({ v: 2, claim, gpuInfo: ['x'] });
    expect(() => check(claim, { plaintext: newer })).toThrow(refusal('ERR_WIRE_VERSION'));
    const many = Array.from({ length: 257 }, (_, n) => claimed(tuple(`m${n}`)));
    expect(() => check(claimOf(many), {})).toThrow(form);
    expect(() => check(claimOf([]), {})).toThrow(form);
  });
});

describe('isFinal', () => {
  it('tells what sending again cannot help from what it can', () => {
    for (const code of [
      'ERR_ENROLMENT_HOST_BOUND',
      'ERR_ENROLMENT_MALFORMED',
      'ERR_MEMBERSHIP_NOT_MEMBER',
      'ERR_SLURP_SIGNATURE',
    ] as const) {
      expect(isFinal(code), code).toBe(true);
    }
    for (const code of [
      'ERR_API_BUSY',
      'ERR_API_INTERNAL',
      'ERR_ENROLMENT_CIPHERTEXT',
      'ERR_ENROLMENT_TIME',
      'ERR_SLURP_NO_LEADER',
      'ERR_STORAGE_IO',
      'ERR_WIRE_RATE',
    ] as const) {
      expect(isFinal(code), code).toBe(false);
    }
  });
});
