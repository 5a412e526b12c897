import { connect } from 'node:net';
import { tryGetNetConfig } from '@libp2p/utils';
import { multiaddr } from '@multiformats/multiaddr';
import type { NodeLife } from '../../../mesh/node-life.ts';
import type { ListenFacts } from '../listen.ts';
import { inTime } from './in-time.ts';

const DIAL_MS = 1_500;
const ASK_MS = 3_000;
const ASKED_MAX = 2;

/**
 * Dials each address that this node tells others, as far as the door: whoever opens the port
 * answers. libp2p itself dials nobody under its own name.
 */
export async function listenFacts(node: NodeLife): Promise<ListenFacts> {
  const { network, state } = node.parts;
  const all = node.addresses();
  const own = all.filter((address) => !isThroughRelay(address));
  const addresses = await Promise.all(
    own.map(async (address) => {
      const { problem } = await inTime(DIAL_MS, (signal) => knock(address, signal));
      return problem === undefined ? { address } : { address, error: problem };
    }),
  );
  const inbound = network.node.getConnections().filter(({ direction }) => direction === 'inbound');
  const names = inbound.map(({ remotePeer }) => state.get('member', remotePeer.toString())?.name);
  const inboundFrom = [...new Set(names.filter((name) => name !== undefined))];
  const dialledBack = own.length === 0 ? undefined : await askBack(node);
  return { addresses, inboundFrom, dialledBack, relays: network.relays().held };
}

/** Asks a member to dial this node back; one is enough, and each does so now and then only. */
async function askBack({ parts }: NodeLife): Promise<ListenFacts['dialledBack']> {
  const { view, network, state } = parts;
  for (const peer of view.connected().slice(0, ASKED_MAX)) {
    const { value } = await inTime(ASK_MS, (signal) => network.reach.ask(peer, signal));
    if (value === undefined || value === 'refused') continue;
    return { by: state.get('member', peer)?.name ?? peer, outcome: value };
  }
  return undefined;
}

/** The address goes through another member. */
export function isThroughRelay(address: string): boolean {
  return address.includes('/p2p-circuit');
}

/** Opens a TCP connection and closes it again. @throws why it cannot be opened */
async function knock(address: string, signal: AbortSignal): Promise<void> {
  const config = tryGetNetConfig(multiaddr(address));
  if (config?.port === undefined) throw new Error('it is no TCP address');
  const { host, port } = config;
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.destroy();
      reject(error.code === undefined ? error : new Error(error.code));
    });
  });
}
