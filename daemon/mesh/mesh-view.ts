import { type LeaderRecord, LIMITS, type StateReader } from '../../protocols/interface/index.ts';
import { memberOf, meshOf } from '../../protocols/membership/index.ts';
import { multiaddrText } from '../../protocols/wire/index.ts';
import { publicFirst } from '../libp2p/discovery/local-addresses.ts';
import type { MeshLibp2p } from '../libp2p.ts';

/** What {@link MeshView} works with. */
export interface MeshViewComponents {
  readonly network: Pick<MeshLibp2p, 'isConnected' | 'node'>;
  readonly state: StateReader;
  readonly self: string;
  /** Members that the invite named. */
  readonly vouched: readonly { readonly peer: string; readonly address: string }[];
  /** Who voted where the log of this node begins: vouched for as well, wherever they are now. */
  readonly voters: readonly string[];
  /** What Raft says of the leader; null while this node has no seat to hear it from. */
  readonly raftLeader: () => string | undefined | null;
  /** Nothing is decided: of two rival recoveries none was chosen. */
  readonly isHalted: () => boolean;
}

/**
 * The member list and the connections put together. Its methods are bound, so that parts can take
 * them as they are.
 */
export class MeshView {
  readonly #components: MeshViewComponents;
  /** Where peers said that they can be reached, while they were connected. */
  readonly #heard = new Map<string, readonly string[]>();

  constructor(components: MeshViewComponents) {
    this.#components = components;
  }

  readonly isConnected = (peer: string): boolean => this.#components.network.isConnected(peer);

  /**
   * The leader's peer id: as Raft knows it, for a node that has a seat; else as announced in the
   * log, as long as it is connected or alone; before that the first voter.
   */
  readonly leader = (): string | undefined => {
    const leader = this.#components.raftLeader();
    if (leader !== null) return leader;
    return this.leaderRecord()?.peer ?? this.voters()[0];
  };

  /** The leader there is now, as far as this node sees: it is this node, or connected. */
  readonly leaderNow = (): string | undefined => {
    if (this.#components.isHalted()) return undefined;
    const leader = this.leader();
    if (leader === undefined || leader === this.#components.self) return leader;
    return this.isConnected(leader) ? leader : undefined;
  };

  /** Voters that are connected. */
  readonly connectedVoters = (): readonly string[] => {
    const voters = new Set(this.voters());
    return this.connected().filter((peer) => voters.has(peer));
  };

  /** The leader as the log announced it last; it may be gone. */
  leaderRecord(): LeaderRecord | undefined {
    return this.#components.state.get('mesh', 'leader') as LeaderRecord | undefined;
  }

  voters(): readonly string[] {
    return meshOf(this.#components.state)?.voters ?? [];
  }

  /**
   * Other members that are connected; before there is a member list, those that the invite named.
   */
  readonly connected = (): readonly string[] => {
    const { network, state, self, vouched, voters } = this.#components;
    const peers = new Set(network.node.getConnections().map((it) => it.remotePeer.toString()));
    peers.delete(self);
    if (state.size('member') === 0) {
      const known = new Set([...vouched.map(({ peer }) => peer), ...voters]);
      return [...known].filter((peer) => peers.has(peer));
    }
    return [...peers].filter((peer) => memberOf(state, peer) !== undefined);
  };

  /** Members to pull from: the leader first, then the others. */
  readonly sources = (): readonly string[] => {
    const leader = this.leader();
    const connected = this.connected();
    if (leader === undefined || !connected.includes(leader)) return connected;
    return [leader, ...connected.filter((peer) => peer !== leader)];
  };

  /** A connected peer says by which addresses it can be reached; what it said before is over. */
  heard(peer: string, addresses: readonly string[]): void {
    this.#heard.set(peer, bestFirst(addresses));
  }

  /** What the peer said is over, or of no use: the log has its word. */
  forget(peer: string): void {
    this.#heard.delete(peer);
  }

  /**
   * Where a member can be reached: as it said last to this node, since the log hears of an address
   * with its next start only, then as the log has it.
   */
  addressesOf(peer: string): readonly string[] {
    const logged = memberOf(this.#components.state, peer)?.addresses ?? [];
    return [...new Set([...(this.#heard.get(peer) ?? []), ...logged])];
  }

  /** Members to be connected to; before there is a member list, those that the invite named. */
  readonly dialTargets = (): readonly string[] => {
    const { state, self, vouched } = this.#components;
    if (state.size('member') === 0) return [...new Set(vouched.map(({ peer }) => peer))];
    const peers: string[] = [];
    for (const [peer, member] of state.entries('member')) {
      if (peer !== self && member.removedIndex === null) peers.push(peer);
    }
    return peers;
  };

  /** Where one of {@link dialTargets} was last heard of, in the order in which it is dialled. */
  readonly dialAddresses = (peer: string): readonly string[] => {
    const { state, vouched } = this.#components;
    if (state.size('member') > 0) return publicFirst(this.addressesOf(peer));
    return publicFirst(vouched.filter((it) => it.peer === peer).map(({ address }) => address));
  };
}

/** Addresses as the log has them: best first, without the peer id behind them, not too many. */
export function bestFirst(addresses: readonly string[]): readonly string[] {
  const plain = addresses.map((text) => text.replace(/\/p2p\/[^/]+$/, ''));
  const usable = plain.filter((text) => multiaddrText.safeParse(text).success);
  const isLoopback = (text: string): boolean => /^\/ip4\/127\.|^\/ip6\/::1\//.test(text);
  const sorted = [...usable.filter((it) => !isLoopback(it)), ...usable.filter(isLoopback)];
  return [...new Set(sorted)].slice(0, LIMITS.memberAddressesMax);
}
