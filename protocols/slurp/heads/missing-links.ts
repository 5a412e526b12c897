import type { Crypto } from '../../interface/index.ts';
import { decodeHead } from '../machine/codec.ts';
import { isSameVoters, type VoterSet, verifyHead } from './head-rules.ts';
import type { ChainLink } from './trust-chain.ts';

/** A change of voters that a state knows, and whose link is not there. */
export interface MissingLink {
  readonly before: VoterSet;
  readonly set: VoterSet;
}

/** Changes among those of a state that have no link. */
export function missingLinks(
  sets: readonly VoterSet[],
  kept: ReadonlySet<number>,
): readonly MissingLink[] {
  return sets.flatMap((set, i) => {
    const before = sets[i - 1];
    return before === undefined || kept.has(set.index) ? [] : [{ before, set }];
  });
}

/** Those by which an epoch's own voters handed over: nobody signs for those of one that is over. */
export function votedIn(
  epoch: number | undefined,
  missing: readonly MissingLink[],
): readonly MissingLink[] {
  return missing.filter(({ set }) => set.epoch === epoch && set.isRecovered !== true);
}

/**
 * Verifies heads as links of changes that the state knows: their voters need no chain to be told.
 *
 * @throws CooeeError ERR_SLURP_HEAD (details.reason), ERR_WIRE_*
 */
export function verifyMissing(
  { crypto, mesh }: { readonly crypto: Crypto; readonly mesh: string },
  missing: readonly MissingLink[],
  heads: readonly Uint8Array[],
): ChainLink[] {
  const voted = missing.filter(({ set }) => set.isRecovered !== true);
  const wanted = new Map(voted.map((it) => [it.set.index, it]));
  if (wanted.size === 0) return [];
  const links: ChainLink[] = [];
  for (const bytes of heads) {
    const signed = decodeHead(bytes);
    const change = wanted.get(signed.head.index);
    if (change === undefined || !isSameVoters(change.set.voters, signed.head.voters)) continue;
    const { before, set } = change;
    const { epoch = 0 } = set;
    const electorate = { signers: before.voters, voters: set.voters, isLink: true };
    verifyHead(crypto, signed, { mesh, epoch, electorate });
    links.push({ bytes, set: { ...set, epoch } });
  }
  return links;
}
