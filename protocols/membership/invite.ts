import { base32 } from 'multiformats/bases/base32';
import { z } from 'zod';
import { CooeeError, type Hash, LIMITS } from '../interface/index.ts';
import {
  addressList,
  bytesOf,
  cidText,
  count,
  decodeAs,
  encodeCanonical,
  equalBytes,
  peerIdText,
  timeMs,
} from '../wire/index.ts';

const PREFIX = 'cooee1';
const CHECKSUM_BYTES = 4;
const LINE = /^[Cc][Oo]{2}[Ee]{2}1[A-Za-z2-7]+$/;

/**
 * A point of the log that the holder of an invite may trust: all it believes of the mesh hangs on
 * it.
 */
export const anchorSchema = z.strictObject({
  /** Size of the log. */
  index: count,
  /** Merkle root of the log at that size. */
  root: bytesOf(32),
  /** Who signs heads from there on, until the chain of trust names others. */
  voters: z.array(peerIdText).min(1).max(9),
});

/** See {@link anchorSchema}. */
export type TrustAnchor = z.output<typeof anchorSchema>;

const inviteSchema = z.strictObject({
  v: z.literal(1),
  mesh: cidText,
  /** Where members can be reached, with their peer ids. */
  addresses: addressList.min(1),
  anchor: anchorSchema,
  /** Seed of the key that proves the holder was invited. The mesh knows the public half only. */
  seed: bytesOf(32),
  expiresMs: timeMs,
});

/** What an invite says. The seed is a secret: never logged. */
export type Invite = Omit<z.output<typeof inviteSchema>, 'v'>;

/**
 * Formats an invite as one line: `cooee1` and lower-case base32 of its canonical bytes and a 4-byte
 * SHA-256 checksum. Addresses that do not fit into the line's 1 KiB beside those before them are
 * left out.
 */
export function formatInvite(sha256: Hash, invite: Invite): string {
  let best: string | undefined;
  const kept: string[] = [];
  for (const address of invite.addresses.slice(0, LIMITS.memberAddressesMax)) {
    const line = lineOf(sha256, { ...invite, addresses: [...kept, address] });
    if (line.length > LIMITS.inviteBytesMax) continue;
    kept.push(address);
    best = line;
  }
  if (best !== undefined) return best;
  throw new CooeeError('ERR_MEMBERSHIP_INVITE_MALFORMED', 'the invite has no address that fits');
}

function lineOf(sha256: Hash, invite: Invite): string {
  const body = encodeCanonical({ v: 1, ...invite });
  const bytes = new Uint8Array(body.length + CHECKSUM_BYTES);
  bytes.set(body);
  bytes.set(sha256(body).subarray(0, CHECKSUM_BYTES), body.length);
  return PREFIX + base32.baseEncode(bytes);
}

/**
 * Parses an invite line; white space around it and upper case are forgiven (people copy by hand).
 *
 * @throws CooeeError ERR_MEMBERSHIP_INVITE_MALFORMED
 */
export function parseInvite(sha256: Hash, text: string): Invite {
  const trimmed = text.trim();
  // Checked before folding: toLowerCase turns some letters outside of ASCII into letters of the
  // alphabet.
  if (trimmed.length > LIMITS.inviteBytesMax || !LINE.test(trimmed)) throw malformed();
  const line = trimmed.toLowerCase();
  let bytes: Uint8Array;
  try {
    bytes = base32.baseDecode(line.slice(PREFIX.length));
  } catch (cause) {
    throw malformed(cause);
  }
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  const checksum = sha256(body).subarray(0, CHECKSUM_BYTES);
  if (!equalBytes(bytes.subarray(body.length), checksum)) throw malformed();
  try {
    const { v: _version, ...invite } = decodeAs(inviteSchema, body, LIMITS.inviteBytesMax);
    return invite;
  } catch (cause) {
    throw malformed(cause);
  }
}

function malformed(cause?: unknown): CooeeError {
  return new CooeeError('ERR_MEMBERSHIP_INVITE_MALFORMED', undefined, { cause });
}
