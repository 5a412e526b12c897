import { z } from 'zod';
import { LIMITS } from '../../interface/index.ts';
import { cidText, count, decodeAs, encodeCanonical, peerIdText } from '../../wire/index.ts';

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
