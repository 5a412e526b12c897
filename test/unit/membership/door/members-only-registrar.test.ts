import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, PeerId, Topology } from '@libp2p/interface';
import type { Registrar } from '@libp2p/interface-internal';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { MembersOnlyRegistrar } from '../../../../protocols/membership/door/members-only-registrar.ts';
import { ManualClock } from '../../wire/manual-clock.ts';
import { TestStanding } from './mesh-nodes.ts';

const connectionTo = (remotePeer: PeerId, id: string): Connection =>
  ({ remotePeer, id, status: 'open' }) as unknown as Connection;

/** A service on the registrar, and what it heard. */
async function build() {
  const standing = new TestStanding();
  const shown: Topology[] = [];
  const inner = {
    register: async (_protocol: string, topology: Topology) => `${shown.push(topology)}`,
  } as unknown as Registrar;
  const registrar = new MembersOnlyRegistrar(
    { registrar: inner, standing, clock: new ManualClock(), logger: silentLogger },
    { holdMs: 100, holdsPerPeerMax: 1, onRefused: () => undefined },
  );
  const heard: string[] = [];
  await registrar.register('/x/1', {
    onConnect: async (_peer, connection) => void heard.push(connection.id),
    onDisconnect: async () => void heard.push('gone'),
  });
  const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
  return { standing, registrar, topology: shown[0] as Topology, heard, peer };
}

describe('a service that opens one stream to a peer', () => {
  it('hears of the peer again when a connection is gone and another is there', async () => {
    const { standing, registrar, topology, heard, peer } = await build();
    standing.set(peer.toString(), 'member');
    await topology.onConnect?.(peer, connectionTo(peer, 'relayed'));
    registrar.remind(connectionTo(peer, 'direct'));
    expect(heard).toEqual(['relayed', 'direct']);
  });

  it('hears nothing more of one that is gone, or does not speak its protocol', async () => {
    const { standing, registrar, topology, heard, peer } = await build();
    standing.set(peer.toString(), 'member');
    registrar.remind(connectionTo(peer, 'never told'));
    await topology.onConnect?.(peer, connectionTo(peer, 'first'));
    await topology.onDisconnect?.(peer);
    registrar.remind(connectionTo(peer, 'late'));
    expect(heard).toEqual(['first', 'gone']);
  });

  it('hears of a guest when that is admitted, and is not reminded of one that is not', async () => {
    const { standing, registrar, topology, heard, peer } = await build();
    await topology.onConnect?.(peer, connectionTo(peer, 'guest'));
    registrar.remind(connectionTo(peer, 'second'));
    expect(heard).toEqual([]);
    standing.set(peer.toString(), 'member');
    registrar.promote(peer.toString());
    registrar.remind(connectionTo(peer, 'third'));
    expect(heard).toEqual(['guest', 'third']);
  });
});
