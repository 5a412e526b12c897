import { generateKeyPair } from '@libp2p/crypto/keys';
import type { MultiaddrConnection, PeerId } from '@libp2p/interface';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { MetricsBook } from '../../../../daemon/system/metrics.ts';
import { silentLogger } from '../../../../protocols/interface/index.ts';
import { Door, type DoorInit } from '../../../../protocols/membership/door/door.ts';
import type { PeerStanding } from '../../../../protocols/membership/door/standing.ts';
import { ManualClock } from '../../wire/manual-clock.ts';

// Goal: whom the gater turns away, before there is anything to speak on.

const peerOf = async (type: 'Ed25519' | 'secp256k1' = 'Ed25519'): Promise<PeerId> =>
  peerIdFromPublicKey((await generateKeyPair(type)).publicKey);

/** A connection that is not encrypted yet; `close` ends it. */
function rawFrom(address: string) {
  const target = new EventTarget();
  const raw = Object.assign(target, { remoteAddr: multiaddr(`/ip4/${address}/tcp/1`) });
  const close = (): void => void target.dispatchEvent(new Event('close'));
  return { raw: raw as unknown as MultiaddrConnection, close };
}

function doorOf(init: Partial<DoorInit> = {}) {
  const standings = new Map<string, PeerStanding>();
  const metrics = new MetricsBook();
  const standing = {
    standing: (peer: string) => standings.get(peer) ?? 'guest',
    onChange: () => () => undefined,
  };
  const door = new Door(
    { standing, clock: new ManualClock(), logger: silentLogger, metrics },
    { guestProtocols: [], ...init },
  );
  const isRefused = (reason: string): number =>
    metrics.read('cooee_membership_refusals_total', { reason });
  return { gater: door.gater, standings, isRefused };
}

describe('the gater', () => {
  it('dials members and guests, but no removed one, nor one with another kind of key', async () => {
    const { gater, standings, isRefused } = doorOf();
    const [member, guest, removed] = [await peerOf(), await peerOf(), await peerOf()];
    standings.set(member.toString(), 'member').set(removed.toString(), 'removed');
    for (const deny of [gater.denyDialPeer, gater.denyOutboundEncryptedConnection]) {
      const peers = [member, guest, removed, await peerOf('secp256k1')];
      const denied = peers.map((peer) => deny?.(peer, rawFrom('10.0.0.1').raw));
      expect(denied).toEqual([false, false, true, true]);
    }
    expect([isRefused('dial-removed'), isRefused('key-type')]).toEqual([2, 2]);
  });

  it('lets members in when the places of guests are taken', async () => {
    const { gater, standings, isRefused } = doorOf({ guestsMax: 0 });
    const [member, guest, other] = [await peerOf(), await peerOf(), await peerOf('secp256k1')];
    standings.set(member.toString(), 'member').set(other.toString(), 'member');
    const { raw } = rawFrom('10.0.0.1');
    const denied = [member, guest, other].map((peer) =>
      gater.denyInboundEncryptedConnection?.(peer, raw),
    );
    expect(denied).toEqual([false, true, true]);
    expect([isRefused('guests-full'), isRefused('key-type')]).toEqual([1, 1]);
  });

  it('takes so many of one address that are not encrypted yet, until one is or is gone', () => {
    const { gater, isRefused } = doorOf({ pendingPerAddressMax: 2 });
    const isDenied = ({ raw } = rawFrom('10.0.0.1')) => gater.denyInboundConnection?.(raw);
    const [first, second] = [rawFrom('10.0.0.1'), rawFrom('10.0.0.1')];
    expect([isDenied(first), isDenied(second), isDenied()]).toEqual([false, false, true]);
    expect(isDenied(rawFrom('10.0.0.2'))).toBe(false);
    first.close();
    expect([isDenied(), isDenied()]).toEqual([false, true]);
    gater.denyInboundUpgradedConnection?.(undefined as never, second.raw);
    expect([isDenied(), isDenied()]).toEqual([false, true]);
    expect(isRefused('pending-per-address')).toBe(3);
  });

  it('takes so many a second of one address, and none when it has enough of all', () => {
    const { gater, isRefused } = doorOf({ addressRate: { ratePerSecond: 1, burst: 1 } });
    const isDenied = (address: string) => gater.denyInboundConnection?.(rawFrom(address).raw);
    const denied = ['10.0.0.1', '10.0.0.1', '10.0.0.2'].map(isDenied);
    expect([denied, isRefused('address-rate')]).toEqual([[false, true, false], 1]);
    const full = doorOf({ connectionsMax: 0 });
    expect(full.gater.denyInboundConnection?.(rawFrom('10.0.0.1').raw)).toBe(true);
    expect(full.isRefused('connections-full')).toBe(1);
  });
});
