import { z } from 'zod';
import { LIMITS } from '../../../protocols/interface/limits.ts';
import { PRINTABLE } from '../../../protocols/interface/text/printable.ts';
import { isWithinUtf8 } from '../../../protocols/interface/text/utf8.ts';

/** A whole number out of a query string. */
export const queryInt = (min: number, max: number) =>
  z.coerce.number<string | number>().int().min(min).max(max);

/** A log index. */
export const index = z.int().min(0);

/** A time, ISO 8601 in UTC. */
export const time = z.iso.datetime();

/** A libp2p peer id in text form. */
export const peer = z.string().min(1).max(128).describe('libp2p peer id, e.g. 12D3Koo…');

/** As the log takes it: the log would call the daemon faulty, where somebody mistyped. */
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;

/** {@link peer} of somebody to whom something is done. */
export const peerInput = peer.refine((text) => PEER_ID.test(text), { message: 'not a peer id' });

/** One line of a bounded length with nothing invisible in it, as names in the log are. */
export const printable = (bytesMax: number) =>
  z
    .string()
    .max(bytesMax)
    .refine((text) => (text === '' || PRINTABLE.test(text)) && isWithinUtf8(text, bytesMax), {
      message: `expected printable text of at most ${bytesMax} bytes`,
    });

/** An agent token as typed by a person: case and hyphens are folded later. */
export const token = z.string().min(1).max(64).describe('Agent token, e.g. 458RV');

/** What a member may do. Admin includes curator, curator includes member. */
export const memberRole = z.enum(['admin', 'curator', 'member']).meta({ id: 'MemberRole' });

/** How far a write has come. */
export const writeState = z
  .enum(['accepted', 'relayed', 'committed'])
  .describe('accepted: safe on this node. relayed: a leader has it. committed: in the log.')
  .meta({ id: 'WriteState' });

/** `?wait=committed&timeoutMs=` of every write. */
export const waitQuery = z.strictObject({
  wait: z.enum(['committed']).optional().describe('Answer only when the write is committed.'),
  timeoutMs: queryInt(0, LIMITS.waitMsMax)
    .default(LIMITS.waitMsDefault)
    .describe('How long to wait; then 202 with the state reached.'),
});

/** `?minIndex=` of reads. */
export const minIndex = queryInt(0, Number.MAX_SAFE_INTEGER)
  .optional()
  .describe('Answer only when this log index is applied here.');

/** `?consistency=linearizable` of reads. */
export const consistency = z
  .enum(['linearizable'])
  .optional()
  .describe('Answer with all that was committed anywhere before: a majority of voters is asked.');

/** `?minIndex=&consistency=` of reads: how new the answer must be. */
export const freshness = { minIndex, consistency };

/** {@link freshness} alone. */
export const readQuery = z.strictObject(freshness);

/** The answer to a plain write. */
export const writeView = z
  .object({
    id: z.string().describe('Command id'),
    state: writeState,
    index: index.optional().describe('Log index, once committed'),
  })
  .meta({ id: 'Write' });
