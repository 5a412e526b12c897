import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, Libp2p, PeerId } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { Upgrades } from '../../../../../daemon/libp2p/relay/upgrades.ts';
import { MetricsBook } from '../../../../../daemon/system/metrics.ts';
import { silentLogger } from '../../../../../protocols/interface/index.ts';
import { ManualClock } from '../../../wire/manual-clock.ts';

const DIRECT = '/ip4/10.0.0.7/tcp/26633';
const RELAYED = '/ip4/10.0.0.1/tcp/1/p2p/12D3KooWGx3Utn9eWkQLEkx1ipyw9fRPm4hXGW8etcSEEFaeJ1ZY';

/** The part of libp2p that is watched. */
class FakeNode extends EventTarget {
  readonly connections: Connection[] = [];
  readonly dialled: string[][] = [];
  addresses: string[] = [DIRECT];
  dialOutcome: () => void = () => {
    throw new Error('nobody answers');
  };
  readonly peerStore = {
    get: async () => ({ addresses: this.addresses.map((it) => ({ multiaddr: multiaddr(it) })) }),
  };

  getConnections(): Connection[] {
    return this.connections;
  }

  async dial(addresses: Multiaddr[]): Promise<void> {
    this.dialled.push(addresses.map(String));
    this.dialOutcome();
  }

  open(remotePeer: PeerId, address: string): void {
    const connection = {
      ...{ remotePeer, remoteAddr: multiaddr(address), direction: 'outbound', status: 'open' },
      close: async () => {
        connection.status = 'closed';
      },
    };
    this.connections.push(connection as unknown as Connection);
    this.dispatchEvent(new CustomEvent('connection:open', { detail: connection }));
  }
}

async function build() {
  const clock = new ManualClock();
  const metrics = new MetricsBook();
  const node = new FakeNode();
  const upgrades = new Upgrades(
    { clock, metrics, logger: silentLogger },
    node as unknown as Libp2p,
  );
  const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
  const detach = upgrades.attach();
  const count = (outcome: string) => metrics.read('cooee_relay_upgrades_total', { outcome });
  return { clock, node, peer, detach, count };
}

describe('a relayed connection', () => {
  it('is replaced by a direct one, and ends after it', async () => {
    const { clock, node, peer, count } = await build();
    node.open(peer, `${RELAYED}/p2p-circuit`);
    node.open(peer, DIRECT);
    expect(node.connections.map(({ status }) => status)).toEqual(['open', 'open']);
    await clock.advance(1000);
    expect(node.connections.map(({ status }) => status)).toEqual(['closed', 'open']);
    expect([count('direct'), count('failed')]).toEqual([1, 0]);
    await clock.advance(3_600_000);
    expect(node.dialled).toEqual([]);
  });

  it('stays when the direct one did not last', async () => {
    const { clock, node, peer } = await build();
    node.open(peer, `${RELAYED}/p2p-circuit`);
    node.open(peer, DIRECT);
    await node.connections[1]?.close();
    await clock.advance(1000);
    expect(node.connections[0]?.status).toBe('open');
  });

  it('is tried to be replaced after 20 s and then ever more rarely, and counts once', async () => {
    const { clock, node, peer, count } = await build();
    node.addresses = [DIRECT, `${RELAYED}/p2p-circuit`];
    node.open(peer, `${RELAYED}/p2p-circuit`);
    await clock.advance(20_000);
    expect(node.dialled).toEqual([[`${DIRECT}/p2p/${peer}`]]);
    expect(count('failed')).toBe(1);
    await clock.advance(60_000 + 120_000 + 240_000);
    expect(node.dialled.length).toBe(4);
    expect(count('failed')).toBe(1);
    node.dialOutcome = () => node.open(peer, DIRECT);
    await clock.advance(480_000);
    expect([count('direct'), count('failed')]).toEqual([1, 1]);
    await clock.advance(3_600_000);
    expect(node.dialled.length).toBe(5);
  });

  it('is forgotten with its peer, and with the node', async () => {
    const { clock, node, peer, detach } = await build();
    node.open(peer, `${RELAYED}/p2p-circuit`);
    node.dispatchEvent(new CustomEvent('peer:disconnect', { detail: peer }));
    await clock.advance(60_000);
    node.open(peer, `${RELAYED}/p2p-circuit`);
    detach();
    await clock.advance(3_600_000);
    expect(node.dialled).toEqual([]);
  });
});
