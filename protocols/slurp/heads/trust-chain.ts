import type { Crypto } from '../../interface/index.ts';
import { decodeHead, type SignedHead } from '../machine/codec.ts';
import { isSameVoters, refuseHead, type VoterSet, verifyHead } from './head-rules.ts';

/** What a chain is followed from. */
export interface ChainStart {
  readonly mesh: string;
  readonly epoch: number;
  readonly set: VoterSet;
}

/** A link of the chain that was verified. */
export interface ChainLink {
  readonly bytes: Uint8Array;
  readonly signed: SignedHead;
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
 * one before named, and stand at a later index. Links from before the start are passed over.
 *
 * @throws CooeeError ERR_SLURP_HEAD (details.reason as for heads, `chain` for one out of order),
 * ERR_WIRE_*
 */
export function followChain(
  crypto: Crypto,
  start: ChainStart,
  links: readonly Uint8Array[],
): FollowedChain {
  let { set } = start;
  let last = 0;
  const followed: ChainLink[] = [];
  for (const bytes of links) {
    const signed = decodeHead(bytes);
    const { index, voters } = signed.head;
    if (index <= last) throw refuseHead('chain', 'links out of order', { index });
    last = index;
    if (index <= start.set.index) continue;
    const electorate = { signers: set.voters, voters, isLink: true };
    verifyHead(crypto, signed, { ...start, electorate });
    // An ordinary head passes for a link to the same voters, and leads nowhere.
    if (isSameVoters(voters, set.voters)) continue;
    set = { index, voters };
    followed.push({ bytes, signed });
  }
  return { set, links: followed };
}
