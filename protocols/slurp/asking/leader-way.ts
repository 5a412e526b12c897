import { CooeeError } from '../../interface/index.ts';
import { HOPS_MAX } from '../protocol.ts';

/**
 * Other members that the origin asks to hand its errand on; each of them asks one more at the most.
 */
const DETOURS_MAX = 3;

/** What finding the leader needs. */
export interface LeaderWayComponents {
  readonly self: string;
  /** The present leader's peer id, when the log names one. */
  readonly leader: () => string | undefined;
  /** Members that are connected, in the order in which they may be asked to hand something on. */
  readonly connected: () => readonly string[];
  /** Voters that are connected: one of them knows who leads. */
  readonly voters: () => readonly string[];
  /** Whether this node leads. */
  readonly isLeader: () => boolean;
}

/** Something that is to be brought to the leader. */
export interface Errand<T> {
  /** Members that it went through. */
  readonly hops: number;
  /** Whom this node has it from; undefined for its own. */
  readonly from: string | undefined;
  /** Who made it; a member that relays asks neither of them. May throw what is wrong with it. */
  readonly origins: () => ReadonlySet<string>;
  /** Done here, when this node leads. */
  readonly here: () => Promise<T>;
  /** Called before something of another member is handed on. Never rejects. */
  readonly onRelay: (from: string) => Promise<void>;
  readonly send: (peer: string, hops: number) => Promise<T>;
}

/** The way to the leader: straight, by others that are connected to it, or by a voter. */
export class LeaderWay {
  readonly #components: LeaderWayComponents;

  constructor(components: LeaderWayComponents) {
    this.#components = components;
  }

  /**
   * Resolves with the leader's answer.
   *
   * @throws CooeeError what the leader refused it with, ERR_SLURP_NO_LEADER when it is out of
   * reach, ERR_WIRE_STREAM
   */
  async bring<T>(errand: Errand<T>): Promise<T> {
    const { isLeader, leader, connected, self } = this.#components;
    const { hops, from, send } = errand;
    if (isLeader()) return await errand.here();
    const target = leader();
    if (target === self || (target !== undefined && target === from) || hops >= HOPS_MAX) {
      throw new CooeeError('ERR_SLURP_NO_LEADER');
    }
    if (from !== undefined) await errand.onRelay(from);
    if (target === undefined) return await this.#askVoter(errand);
    const reachable = connected();
    const via = reachable.includes(target) ? [target] : detours(reachable, errand);
    let last: unknown;
    for (const peer of via) {
      try {
        return await send(peer, hops + 1);
      } catch (error) {
        if (peer === target) throw error;
        last = error;
      }
    }
    // Only the leader's own word is a refusal, and only over a connection that proves it is the
    // leader's: one relay could otherwise make its neighbours drop what they have accepted.
    const message = 'the leader is out of reach';
    throw new CooeeError('ERR_SLURP_NO_LEADER', message, {
      cause: last,
      details: last instanceof CooeeError ? { relay: last.code } : {},
    });
  }

  /** Nobody is known to lead: a voter knows sooner. */
  async #askVoter<T>({ hops, from, send }: Errand<T>): Promise<T> {
    const voter = this.#components.voters().find((peer) => peer !== from);
    if (voter === undefined) throw new CooeeError('ERR_SLURP_NO_LEADER');
    return await send(voter, hops + 1).catch((cause: unknown) => {
      // Not the leader's own word: nothing is final about it.
      throw new CooeeError('ERR_SLURP_NO_LEADER', 'no leader is known', { cause });
    });
  }
}

/** A member that relays asks one other, and neither whom it has the errand from nor who made it. */
function detours<T>(reachable: readonly string[], { hops, from, origins }: Errand<T>) {
  if (hops === 0) return reachable.slice(0, DETOURS_MAX);
  const makers = origins();
  return reachable.filter((peer) => peer !== from && !makers.has(peer)).slice(0, 1);
}
