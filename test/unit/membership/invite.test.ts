import fc from 'fast-check';
import { base32 } from 'multiformats/bases/base32';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import { formatInvite, type Invite, parseInvite } from '../../../protocols/membership/index.ts';
import { encodeCanonical } from '../../../protocols/wire/index.ts';
import { MESH, peerOf } from './mesh-fixture.ts';

const { sha256 } = nodeCrypto;
const REFUSED = expect.objectContaining({ code: 'ERR_MEMBERSHIP_INVITE_MALFORMED' });

const INVITE: Invite = {
  mesh: MESH,
  addresses: [`/ip4/10.0.0.1/tcp/26633/p2p/${peerOf(1)}`],
  anchor: { index: 42, root: new Uint8Array(32).fill(9), voters: [peerOf(1)] },
  seed: new Uint8Array(32).fill(5),
  expiresMs: 1_800_000_000_000,
};
const LINE = formatInvite(sha256, INVITE);

/** A line with a right checksum around any value. */
function lineOf(value: unknown): string {
  const body = encodeCanonical(value);
  return `cooee1${base32.baseEncode(Uint8Array.of(...body, ...sha256(body).subarray(0, 4)))}`;
}

describe('an invite', () => {
  it('round-trips', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const invites = fc.record({
      mesh: fc.constant(MESH),
      addresses: fc.array(fc.stringMatching(/^\/ip4\/[0-9]{1,3}\/tcp\/[0-9]{1,5}$/), {
        minLength: 1,
        maxLength: 4,
      }),
      anchor: fc.record({
        index: fc.maxSafeNat(),
        root: bytes,
        voters: fc.array(fc.constantFrom(peerOf(1), peerOf(2)), { minLength: 1, maxLength: 3 }),
      }),
      seed: bytes,
      expiresMs: fc.nat(),
    });
    fc.assert(
      fc.property(invites, (invite) => {
        const line = formatInvite(sha256, invite);
        expect(line).toMatch(/^cooee1[a-z2-7]+$/);
        expect(line.length).toBeLessThanOrEqual(1024);
        expect(parseInvite(sha256, line)).toEqual(invite);
      }),
    );
  });

  it('leaves out an address that does not fit, wherever it stands', () => {
    const anchor = { ...INVITE.anchor, voters: [1, 2, 3, 4, 5].map(peerOf) };
    const [short = ''] = INVITE.addresses;
    const long = `/dns4/${'a'.repeat(200)}/tcp/26633/p2p/${peerOf(1)}`;
    for (const addresses of [
      [short, long],
      [long, short],
      [long, short, long],
    ]) {
      const line = formatInvite(sha256, { ...INVITE, anchor, addresses });
      expect(parseInvite(sha256, line)).toEqual({ ...INVITE, anchor, addresses: [short] });
    }
    const none = { ...INVITE, anchor, addresses: [long] };
    expect(() => formatInvite(sha256, none)).toThrow(REFUSED);
  });

  it('forgives upper case and white space around it', () => {
    for (const text of [LINE.toUpperCase(), `  ${LINE}\r\n`, `\n\t${LINE} \n`]) {
      expect(parseInvite(sha256, text)).toEqual(INVITE);
    }
  });

  it('is refused with any one character changed', () => {
    const alphabet = [...'abcdefghijklmnopqrstuvwxyz0123456789=- ', 'é', '\u212a', '\u0130'];
    for (let at = 0; at < LINE.length; at++) {
      for (const sign of alphabet) {
        if (sign === LINE[at]) continue;
        const text = LINE.slice(0, at) + sign + LINE.slice(at + 1);
        // A blank at either end is the white space that is forgiven, of a line that lacks a
        // character.
        expect(() => parseInvite(sha256, text)).toThrow(REFUSED);
      }
    }
  });

  it('is refused with a character too many, too few, or two exchanged', () => {
    for (let at = 0; at <= LINE.length; at++) {
      const before = LINE.slice(0, at);
      const after = LINE.slice(at);
      expect(() => parseInvite(sha256, `${before}a${after}`)).toThrow(REFUSED);
      expect(() =>
        parseInvite(sha256, before + after.slice(1) + (after === '' ? 'b' : '')),
      ).toThrow(REFUSED);
      if (after.length > 1 && after[0] !== after[1]) {
        const swapped = `${before}${after[1]}${after[0]}${after.slice(2)}`;
        expect(() => parseInvite(sha256, swapped)).toThrow(REFUSED);
      }
    }
  });

  it.each([
    ['nothing', ''],
    ['a prefix alone', 'cooee1'],
    ['another prefix', LINE.replace('cooee1', 'cooee2')],
    ['padding', `${LINE}====`],
    ['two lines', `${LINE}\n${LINE}`],
    ['a checksum alone', `cooee1${base32.baseEncode(sha256(new Uint8Array(0)).subarray(0, 4))}`],
    ['a text of a megabyte', `cooee1${'a'.repeat(1_000_000)}`],
    ['a right checksum over garbage', lineOf('garbage')],
    ['a right checksum over a list', lineOf([1])],
    ['a later version', lineOf({ v: 2, ...INVITE })],
    ['an unknown field', lineOf({ v: 1, ...INVITE, more: 1 })],
    ['no address', lineOf({ v: 1, ...INVITE, addresses: [] })],
    ['a short seed', lineOf({ v: 1, ...INVITE, seed: new Uint8Array(31) })],
    ['no voter', lineOf({ v: 1, ...INVITE, anchor: { ...INVITE.anchor, voters: [] } })],
    ['a mesh that is no CID', lineOf({ v: 1, ...INVITE, mesh: 'mesh' })],
  ])('that is %s is refused', (_what, text) => {
    expect(() => parseInvite(sha256, text)).toThrow(REFUSED);
  });

  it('leaves out the last addresses when they do not fit', () => {
    const addresses = Array.from(
      { length: 16 },
      (_, i) => `/dns4/host-${i}.example.org/tcp/26633/p2p/${peerOf(1)}`,
    );
    const line = formatInvite(sha256, { ...INVITE, addresses });
    expect(line.length).toBeLessThanOrEqual(1024);
    const kept = parseInvite(sha256, line).addresses;
    expect(kept.length).toBeGreaterThan(1);
    expect(kept).toEqual(addresses.slice(0, kept.length));
  });

  it('keeps no more addresses than can be parsed', () => {
    const addresses = new Array(20).fill('/ip4/1/tcp/1');
    const line = formatInvite(sha256, { ...INVITE, addresses });
    expect(parseInvite(sha256, line).addresses).toHaveLength(16);
  });

  it('has room for an address beside five voters', () => {
    const voters = [1, 2, 3, 4, 5].map(peerOf);
    const invite = { ...INVITE, anchor: { ...INVITE.anchor, voters } };
    expect(parseInvite(sha256, formatInvite(sha256, invite))).toEqual(invite);
  });

  it('is not made without an address', () => {
    expect(() => formatInvite(sha256, { ...INVITE, addresses: [] })).toThrow(REFUSED);
  });

  it('does not show its seed in an error', () => {
    const text = lineOf({ v: 1, ...INVITE, seed: 'secretsecret' });
    let thrown: unknown;
    try {
      parseInvite(sha256, text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toEqual(REFUSED);
    const shown = JSON.stringify(thrown) + String(thrown) + String((thrown as Error).cause);
    expect(shown).not.toContain('secretsecret');
  });
});
