import type { Libp2p, PeerId } from '@libp2p/interface';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { toError } from '../../../protocols/interface/index.ts';
import { isDirect } from './direct-only.ts';
import type { RelayClient } from './relay-client.ts';

/**
 * How long the direct addresses are tried while there is another way: an address of a private
 * network that nobody answers at would use up all the time.
 */
const DIRECT_MS = 2_500;

/**
 * Dials a peer: directly where it can, else through the relays that it names and those that this
 * node is connected to. libp2p alone would take a relay with a public address before a host of the
 * own network.
 *
 * @throws the error of the last way that was tried
 */
export async function dialEither(
  components: {
    readonly node: Pick<Libp2p, 'dial'>;
    readonly relays: Pick<RelayClient, 'load' | 'waysTo'> | undefined;
  },
  target: {
    readonly peer: PeerId;
    readonly addresses: readonly string[];
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { node, relays } = components;
  const { peer, signal } = target;
  const all = target.addresses.map((text) => withPeer(text, peer));
  const direct = all.filter((it) => isDirect({ remoteAddr: it }));
  const named = all.filter((it) => !isDirect({ remoteAddr: it }));
  if (relays !== undefined && named.length > 0) await relays.load();
  const circuits = [
    ...(relays?.waysTo(peer.toString()) ?? []).map((it) => multiaddr(it)),
    ...(relays === undefined ? [] : named),
  ];
  if (circuits.length === 0) {
    await node.dial(direct.length === 0 ? peer : direct, { signal });
    return;
  }
  if (direct.length > 0 && (await isReached(node, direct, signal))) return;
  await node.dial(circuits, { signal });
}

async function isReached(
  node: Pick<Libp2p, 'dial'>,
  direct: Multiaddr[],
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await node.dial(direct, { signal: AbortSignal.any([signal, AbortSignal.timeout(DIRECT_MS)]) });
    return true;
  } catch (thrown) {
    signal.throwIfAborted();
    // Why is not of interest while there is another way; that one's error is the caller's.
    toError(thrown);
    return false;
  }
}

/** With the peer's id, so that whoever answers must prove to be it. */
function withPeer(text: string, peer: PeerId): Multiaddr {
  const suffix = `/p2p/${peer}`;
  return multiaddr(text.endsWith(suffix) ? text : text + suffix);
}
