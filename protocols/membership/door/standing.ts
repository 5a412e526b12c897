/**
 * What a peer is to this node. `guest` is everyone the member list does not know; `removed` was a
 * member once and is refused by name until it is admitted again.
 */
export type PeerStanding = 'member' | 'guest' | 'removed';

/**
 * Who is a member, out of the replicated member list. Answers from memory: it is asked for every
 * stream.
 */
export interface Standing {
  /** The standing of a peer id in text form; of an unknown one `guest`. */
  standing(peer: string): PeerStanding;
  /**
   * Calls `listener` after the standing of a peer has changed, once per peer.
   *
   * @returns ends the subscription
   */
  onChange(listener: (peer: string) => void): () => void;
}
