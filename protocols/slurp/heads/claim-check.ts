import type { SignedHead } from '../machine/codec.ts';

/** What a peer says of its own log when it introduces itself. */
export interface LogClaim {
  readonly lastIndex: number;
  readonly term: number;
}

/** Why a peer cannot have the state that it once signed for. */
export interface LostState {
  /** What went back: its log, or its term. */
  readonly lost: 'index' | 'term';
  /** What the peer signed. */
  readonly head: { readonly index: number; readonly term: number };
  readonly claim: LogClaim;
}

/**
 * Whether a peer has lost what it had: a voter signs only what is applied at its place, so a head
 * with its signature beyond the end of its log, or of a later term than it knows, shows that its
 * home was restored from an older copy. Such a voter may have forgotten votes and acknowledgements,
 * and must not vote until it was added anew.
 *
 * @param signed a head that was verified, with all its signatures
 */
export function lostStateProblem(
  peer: string,
  claim: LogClaim,
  signed: SignedHead | undefined,
): LostState | undefined {
  if (signed === undefined || !signed.signatures.some(({ voter }) => voter === peer)) {
    return undefined;
  }
  const { index, term } = signed.head;
  if (index > claim.lastIndex) return { lost: 'index', head: { index, term }, claim };
  if (term > claim.term) return { lost: 'term', head: { index, term }, claim };
  return undefined;
}
