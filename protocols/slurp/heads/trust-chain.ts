import type { Crypto } from '../../interface/index.ts';
import { decodeHead } from '../machine/codec.ts';
import { isRecovery, verifyRecovery } from '../recovery/recovery-link.ts';
import { isSameVoters, refuseHead, type VoterSet, verifyHead } from './head-rules.ts';

/** What a chain is followed from. */
export interface ChainStart {
  readonly mesh: string;
  /** The epoch of the set; undefined when it is not known, as of an anchor. */
  readonly epoch: number | undefined;
  readonly set: VoterSet;
  /** The operator's recovery key, when there is a state to read it from. */
  readonly key?: Uint8Array | undefined;
}

/** A link of the chain that was verified, and the voters that it leads to. */
export interface ChainLink {
  readonly bytes: Uint8Array;
  readonly set: VoterSet & { readonly epoch: number };
}

/** Where following a chain has got to. */
export interface FollowedChain {
  /** The voters in force at the end. */
  readonly set: VoterSet;
  /** The links that led there; not those that lead nowhere new. */
  readonly links: readonly ChainLink[];
}

/**
 * Follows links from voters that are trusted: each must be signed by a majority of those that the
 * one before named, and stand at a later index. Links from before the start are passed over. Where
 * the operator recovered the mesh the link is signed by the recovery key instead.
 *
 * @throws CooeeError ERR_SLURP_HEAD (details.reason as for heads, `chain` for one out of order),
 * ERR_WIRE_*
 */
export function followChain(
  crypto: Crypto,
  start: ChainStart,
  links: readonly Uint8Array[],
): FollowedChain {
  let { set, epoch } = start;
  let last = 0;
  const followed: ChainLink[] = [];
  for (const bytes of links) {
    const read = isRecovery(bytes) ? readRecovery(crypto, start, bytes) : readHead(bytes);
    const { index } = read.set;
    if (index <= last) throw refuseHead('chain', 'links out of order', { index });
    last = index;
    if (index <= start.set.index) continue;
    if (read.signed === undefined) {
      if (read.set.epoch <= (epoch ?? 0)) throw refuseHead('epoch');
    } else {
      const electorate = { signers: set.voters, voters: read.set.voters, isLink: true };
      verifyHead(crypto, read.signed, { mesh: start.mesh, epoch, electorate });
      // An ordinary head passes for a link to the same voters, and leads nowhere.
      if (isSameVoters(read.set.voters, set.voters)) continue;
    }
    ({ set } = read);
    ({ epoch } = read.set);
    followed.push({ bytes, set: read.set });
  }
  return { set, links: followed };
}

function readHead(bytes: Uint8Array) {
  const signed = decodeHead(bytes);
  const { index, voters, epoch } = signed.head;
  return { set: { index, voters, epoch }, signed };
}

function readRecovery(crypto: Crypto, { mesh, key }: ChainStart, bytes: Uint8Array) {
  const { entryIndex: index, voters, epoch } = verifyRecovery(crypto, { mesh, key }, bytes);
  return { set: { index, voters, epoch, isRecovered: true }, signed: undefined };
}
