import { z } from 'zod';
import { CooeeError, LIMITS, type Signer } from '../../interface/index.ts';
import {
  bytesUpTo,
  cidText,
  count,
  decodeAs,
  decodeSigned,
  encodeCanonical,
  encodeSigned,
  peerIdText,
  type Signed,
} from '../../wire/index.ts';
import { type Command, commandSchema } from '../machine/codec.ts';
import { HOPS_MAX } from '../protocol.ts';

/** Blocks that one submission refers to: its content and its patch. */
const BLOCKS_MAX = 2;

/** The protocol by which a leader has voters hold blocks before it proposes what refers to them. */
export const holdProtocol = (mesh: string): string => `/cooee/${mesh}/hold/1`;

const requestSchema = z.strictObject({
  v: z.literal(1),
  /** The member whose submission refers to them. */
  origin: peerIdText,
  blocks: z
    .array(
      z.strictObject({ cid: cidText, bytes: count.min(1).max(LIMITS.submissionBlockBytesMax) }),
    )
    .min(1)
    .max(BLOCKS_MAX),
});

const responseSchema = z.strictObject({ v: z.literal(1) });

/** Which blocks a voter is to hold. */
export type HoldOrder = Omit<z.output<typeof requestSchema>, 'v'>;

/** Asks a voter to hold blocks. */
export const holdRequest = {
  encode: (order: HoldOrder): Uint8Array => encodeCanonical({ v: 1, ...order }),
  /** @throws CooeeError ERR_WIRE_* */
  decode: (bytes: Uint8Array): HoldOrder => decodeAs(requestSchema, bytes, 1_024),
};

/** The voter's answer: all of them are on its disk. */
export const holdResponse = {
  encode: (): Uint8Array => encodeCanonical({ v: 1 }),
  /** @throws CooeeError ERR_WIRE_* */
  decode: (bytes: Uint8Array): void => {
    decodeAs(responseSchema, bytes, 64);
  },
};

/** The protocol by which a member has the leader see to blocks that it is going to name. */
export const secureProtocol = (mesh: string): string => `/cooee/${mesh}/secure/1`;

const claimSchema = z.strictObject({
  v: z.literal(1),
  mesh: cidText,
  origin: peerIdText,
  /** What refers to the blocks. It is in no batch and has no number. */
  command: commandSchema,
});

/** A member's word that it is going to hand in a command that refers to blocks. */
export type BlockClaim = z.output<typeof claimSchema>;

/** Signs a claim: its blocks count as its member's, whoever hands it on. */
export function encodeClaim(signer: Signer, mesh: string, command: Command): Uint8Array {
  const claim: BlockClaim = { v: 1, mesh, origin: signer.peer, command };
  return encodeSigned(signer, 'blocks', claim);
}

/**
 * Takes a claim apart; its signature is not checked yet. @throws CooeeError ERR_WIRE_*,
 * ERR_SLURP_COMMAND
 */
export function decodeClaim(bytes: Uint8Array): Signed<BlockClaim> {
  const signed = decodeSigned(claimSchema, bytes, LIMITS.batchBytesMax);
  const { command, origin } = signed.value;
  if (command.actor.peer === origin) return signed;
  throw new CooeeError('ERR_SLURP_COMMAND', 'a node speaks for itself only');
}

const secureSchema = z.strictObject({
  v: z.literal(1),
  hops: z.number().int().min(0).max(HOPS_MAX),
  claim: bytesUpTo(LIMITS.batchBytesMax + 128),
});

/** A claim on its way to the leader, with the members that it went through. */
export const secureRequest = {
  encode: (hops: number, claim: Uint8Array): Uint8Array => encodeCanonical({ v: 1, hops, claim }),
  /** @throws CooeeError ERR_WIRE_* */
  decode: (bytes: Uint8Array) => decodeAs(secureSchema, bytes, LIMITS.batchBytesMax + 512),
};
