import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, PeerId, Stream, StreamHandler, Topology } from '@libp2p/interface';
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

describe('a stream of a guest', () => {
  /** A service whose handler is in place, and what became of the streams that came. */
  async function serve() {
    const standing = new TestStanding();
    const clock = new ManualClock();
    let gated: StreamHandler | undefined;
    const inner = {
      handle: async (_protocol: string, handler: StreamHandler) => {
        gated = handler;
      },
    } as unknown as Registrar;
    const told: string[] = [];
    const registrar = new MembersOnlyRegistrar(
      { registrar: inner, standing, clock, logger: silentLogger },
      {
        ...{ holdMs: 100, holdsPerPeerMax: 1 },
        onRefused: ({ id }, reason) => void told.push(`${id}: ${reason}`),
      },
    );
    await registrar.handle('/x/1', (_stream, { id }) => void told.push(`${id}: served`));
    const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
    const comes = (id: string) => {
      const stream = Object.assign(new EventTarget(), {
        ...{ protocol: '/x/1', status: 'open', readStatus: 'readable' },
        pause: () => Object.assign(stream, { readStatus: 'paused' }),
        resume: () => Object.assign(stream, { readStatus: 'readable' }),
        abort: () => Object.assign(stream, { status: 'aborted' }),
      });
      void gated?.(stream as unknown as Stream, connectionTo(peer, id));
      return stream;
    };
    return { standing, registrar, clock, told, comes, peer: peer.toString() };
  }

  it('waits for a moment without being read, and is ended', async () => {
    const { clock, told, comes } = await serve();
    const stream = comes('a');
    await clock.advance(99);
    expect([stream.readStatus, stream.status, told]).toEqual(['paused', 'open', []]);
    await clock.advance(1);
    expect([stream.status, told]).toEqual(['aborted', ['a: stream-not-member']]);
    expect(clock.timerCount).toBe(0);
  });

  it('is served when its peer is admitted meanwhile', async () => {
    const { standing, registrar, clock, told, comes, peer } = await serve();
    const stream = comes('a');
    await clock.advance(50);
    standing.set(peer, 'member');
    registrar.promote(peer);
    await clock.advance(0);
    expect([stream.readStatus, stream.status, told]).toEqual(['readable', 'open', ['a: served']]);
  });

  it('is ended at once when as many of its peer wait as may', async () => {
    const { clock, told, comes } = await serve();
    const [first, second] = [comes('first'), comes('second')];
    await clock.advance(0);
    expect([first.status, second.status]).toEqual(['open', 'aborted']);
    await clock.advance(100);
    const third = comes('third');
    await clock.advance(0);
    expect([third.status, told]).toEqual([
      'open',
      ['second: stream-not-member', 'first: stream-not-member'],
    ]);
  });

  it('of one that was removed is ended at once, for that', async () => {
    const { standing, clock, told, comes, peer } = await serve();
    standing.set(peer, 'removed');
    comes('a');
    await clock.advance(0);
    expect(told).toEqual(['a: stream-removed']);
  });
});
