import { type DialTarget, isPeerId } from '@libp2p/interface';
import type { ConnectionManager } from '@libp2p/interface-internal';
import { CODE_P2P } from '@multiformats/multiaddr';
import { CooeeError } from '../../interface/index.ts';

/**
 * libp2p's connection manager as the members-only services see it: other connections do not exist,
 * and nobody else is dialled (a member could name a stranger in a DHT answer).
 *
 * @param onRefused called with the peer, or undefined when the target names none
 */
export function membersOnlyConnections(
  inner: ConnectionManager,
  isMember: (peer: string) => boolean,
  onRefused: (peer: string | undefined) => void,
): ConnectionManager {
  const check = (target: DialTarget): void => {
    const peer = peerOf(target);
    if (peer !== undefined && isMember(peer)) return;
    onRefused(peer);
    throw new CooeeError('ERR_MEMBERSHIP_NOT_MEMBER');
  };
  const gated: Pick<ConnectionManager, 'getConnections' | 'openConnection' | 'openStream'> = {
    getConnections: (peer) =>
      inner.getConnections(peer).filter(({ remotePeer }) => isMember(remotePeer.toString())),
    openConnection: async (target, options) => {
      check(target);
      return await inner.openConnection(target, options);
    },
    openStream: async (target, protocol, options) => {
      check(target);
      return await inner.openStream(target, protocol, options);
    },
  };
  return new Proxy(inner, {
    get: (target, property) => {
      if (property in gated) return Reflect.get(gated, property);
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function peerOf(target: DialTarget): string | undefined {
  if (isPeerId(target)) return target.toString();
  const [address] = Array.isArray(target) ? target : [target];
  return address?.getComponents().findLast(({ code }) => code === CODE_P2P)?.value;
}
