import { CooeeError } from '../../../protocols/interface/index.ts';

/** What is needed of a member to find it by what a person types. */
export interface NamedPeer {
  readonly peer: string;
  readonly name: string;
}

const PART_LENGTH_MIN = 6;
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/u;

/** True for the full text of an Ed25519 peer id. */
export function isPeerId(text: string): boolean {
  return PEER_ID.test(text);
}

/**
 * The peer id that a person meant: a full peer id, or else the name of a member, or the beginning
 * or end (at least 6 characters) of its peer id, when that is exactly one member. A member that
 * names itself as the peer id of another ends must not get the role that is meant for that one.
 *
 * @throws CooeeError ERR_MEMBERSHIP_UNKNOWN_PEER when no member fits
 * @throws CooeeError ERR_API_USAGE when several do
 */
export function matchPeer(members: readonly NamedPeer[], text: string): string {
  if (isPeerId(text)) return text;
  const found = members.filter(({ name, peer }) => name === text || isPart(peer, text));
  const [first] = found;
  if (first === undefined) {
    throw new CooeeError('ERR_MEMBERSHIP_UNKNOWN_PEER', `no member is called "${text}"`, {
      remedy:
        'Give a peer id, a name, or at least 6 characters of either end of a peer id; ' +
        'cooee members lists them.',
    });
  }
  if (found.length > 1) {
    throw new CooeeError('ERR_API_USAGE', `"${text}" fits ${found.length} members`, {
      remedy: `Give the peer id of one: ${found.map((member) => member.peer).join(' ')}`,
    });
  }
  return first.peer;
}

function isPart(peer: string, text: string): boolean {
  return text.length >= PART_LENGTH_MIN && (peer.startsWith(text) || peer.endsWith(text));
}
