import { z } from 'zod';
import { bytesUpTo, count, decodeAs, encodeCanonical } from '../../wire/index.ts';
import { RECOVERY_BYTES_MAX } from './recovery-link.ts';
import type { MemberReport } from './recovery-rules.ts';

/** The protocol by which members show each other recoveries, and say how far they are. */
export const recoveryProtocol = (mesh: string): string => `/cooee/${mesh}/recovery/1`;

const link = bytesUpTo(RECOVERY_BYTES_MAX);

const askSchema = z.strictObject({
  v: z.literal(1),
  /** Recoveries that the asker knows: the newest, and a rival of it. */
  links: z.array(link).max(2),
  /** What the mesh id is made of is wanted. */
  genesis: z.boolean(),
});

const answerSchema = z.strictObject({
  v: z.literal(1),
  links: z.array(link).max(2),
  epoch: count,
  id: z.string().max(64),
  canVote: z.boolean(),
  isLed: z.boolean(),
  tail: z.strictObject({ index: count, term: count }),
  headIndex: count,
  knownIndex: count,
  term: count,
  genesis: bytesUpTo(RECOVERY_BYTES_MAX).optional(),
});

const MESSAGE_BYTES_MAX = 4 * RECOVERY_BYTES_MAX;

/** What is asked, and shown with it. */
export interface RecoveryAsk {
  readonly links: readonly Uint8Array[];
  readonly genesis: boolean;
}

/** What a member answers: its report, and the recoveries that it knows. */
export interface RecoveryAnswer {
  readonly report: Omit<MemberReport, 'peer'>;
  readonly links: readonly Uint8Array[];
  readonly genesis?: Uint8Array | undefined;
}

/** The request of the recovery protocol. */
export const recoveryAsk = {
  encode: ({ links, genesis }: RecoveryAsk): Uint8Array =>
    encodeCanonical({ v: 1, links, genesis }),
  /** @throws CooeeError ERR_WIRE_* */
  decode: (bytes: Uint8Array): RecoveryAsk => decodeAs(askSchema, bytes, MESSAGE_BYTES_MAX),
};

/** The answer of the recovery protocol. */
export const recoveryAnswer = {
  encode: ({ report, links, genesis }: RecoveryAnswer): Uint8Array => {
    const { epoch, ...rest } = report;
    const own = genesis === undefined ? {} : { genesis };
    return encodeCanonical({ v: 1, links, ...rest, ...epoch, ...own });
  },
  /** @throws CooeeError ERR_WIRE_* */
  decode: (bytes: Uint8Array): RecoveryAnswer => {
    const {
      links,
      genesis,
      epoch,
      id,
      v: _v,
      ...rest
    } = decodeAs(answerSchema, bytes, MESSAGE_BYTES_MAX);
    return { links, genesis, report: { ...rest, epoch: { epoch, id } } };
  },
};
