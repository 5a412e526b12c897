import type { AddressManager } from '@libp2p/interface-internal';
import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, describe, expect, it } from 'vitest';
import { circuitsOf } from '../../../../../daemon/libp2p/relay/circuit.ts';
import { isDirect } from '../../../../../daemon/libp2p/relay/direct-only.ts';
import {
  admit,
  OWN,
  startMember,
  stopAll,
  type TestNode,
  TOPIC,
} from '../../../membership/door/mesh-nodes.ts';
import { until } from './until.ts';

afterEach(stopAll);

const dial = (from: TestNode, to: TestNode, addresses: readonly string[]): Promise<void> =>
  from.net.dial(to.peer, addresses, AbortSignal.timeout(5000));

/** B relays; A and C listen nowhere, and have a place at B. */
async function threeNodes(): Promise<Record<'a' | 'b' | 'c', TestNode>> {
  const b = await startMember({ relay: true });
  const a = await startMember({ listen: [] });
  const c = await startMember({ listen: [] });
  admit(a, b, c);
  await dial(a, b, [b.address()]);
  await dial(c, b, [b.address()]);
  await until('both have a place', () => b.net.relays().given === 2);
  await until('A knows of its place', () => a.net.relays().held === 1);
  await until('C knows of its place', () => c.net.relays().held === 1);
  return { a, b, c };
}

describe('members behind a relay', () => {
  it('speak all that members speak with each other, through the relay', async () => {
    const { a, c } = await threeNodes();
    await dial(a, c, []);
    expect(a.net.isConnected(c.peer)).toBe(true);
    expect(a.net.isDirect(c.peer)).toBe(false);
    await until('C has it too', () => c.net.isConnected(a.peer));
    const stream = await a.net.openStream(c.peer, OWN, { signal: AbortSignal.timeout(3000) });
    expect(stream.status).toBe('open');
    await until('gossip takes the relayed connection', () =>
      a.net.node.services.pubsub.getSubscribers(TOPIC).some((it) => it.toString() === c.peer),
    );
    await a.net.node.services.pubsub.publish(TOPIC, new TextEncoder().encode('hello'));
    await until('C hears it', () => c.heard.includes('hello'));
    await until('the DHT knows it', () => a.tableSize() === 2);
  });

  it('tell the way through the relay like any address of theirs', async () => {
    const { a, b, c } = await threeNodes();
    const told = c.net.node.getMultiaddrs().map(String);
    expect(told).toEqual([expect.stringContaining(`${b.peer}/p2p-circuit`)]);
    await a.net.dial(c.peer, told, AbortSignal.timeout(5000));
    expect(a.net.isConnected(c.peer)).toBe(true);
  });

  it('go on telling it when somebody says that they are seen there', async () => {
    const b = await startMember({ relay: true, announce: ['/ip4/11.22.33.44/tcp/26633'] });
    const c = await startMember({ listen: [] });
    admit(b, c);
    await dial(c, b, [b.address()]);
    const told = () => c.net.node.getMultiaddrs().filter((it) => `${it}`.startsWith('/ip4/11.22'));
    await until('it is told', () => told().length === 1);
    const { components } = c.net.node as unknown as {
      components: { addressManager: AddressManager };
    };
    for (const address of told()) components.addressManager.addObservedAddr(address);
    expect(told()).toHaveLength(1);
  });

  it('cannot be reached any more when the relay is gone', async () => {
    const { a, b, c } = await threeNodes();
    await b.net.stop();
    await until('the place is given up', () => c.net.relays().held === 0);
    expect(c.net.node.getMultiaddrs()).toEqual([]);
    await expect(dial(a, c, [])).rejects.toThrow();
  });

  it('take a direct connection once there is one, and gossip goes on over it', async () => {
    const { b, c } = await threeNodes();
    const d = await startMember();
    admit(b, d);
    await dial(d, b, [b.address()]);
    await until('D knows the relay', () => d.net.relays().held === 1);
    // Not before: the DHT would tell C where D is.
    admit(c, d);
    await dial(d, c, []);
    expect(c.net.isDirect(d.peer)).toBe(false);
    await until('D gossips with C', () =>
      d.net.node.services.pubsub.getSubscribers(TOPIC).some((it) => it.toString() === c.peer),
    );
    await dial(c, d, [d.address()]);
    expect(c.net.isDirect(d.peer)).toBe(true);
    await until('the relayed one is ended', () => d.net.node.getConnections().length === 2);
    // B would hand a message on: what counts is the stream of gossip itself.
    const streams = (from: TestNode): { has(peer: string): boolean } =>
      (from.net.node.services.pubsub as unknown as { streamsOutbound: Map<string, unknown> })
        .streamsOutbound;
    await until('gossip has a stream on what is left', () => {
      return streams(c).has(d.peer) && streams(d).has(c.peer);
    });
  });
});

describe('who is no member', () => {
  it('gets no place, and nobody through the relay', async () => {
    const { b, c } = await threeNodes();
    const stranger = await startMember({ listen: [] });
    // It takes them for members; they do not take it for one.
    stranger.standing.set(b.peer, 'member');
    stranger.standing.set(c.peer, 'member');
    await dial(stranger, b, [b.address()]);
    await until('it is refused', () => b.refused('stream-not-member') > 0);
    const way = `${b.address()}/p2p/${b.peer}/p2p-circuit/p2p/${c.peer}`;
    await expect(dial(stranger, c, [way])).rejects.toThrow();
    expect(stranger.net.relays().held).toBe(0);
    expect(b.net.relays().given).toBe(2);
    expect(c.net.isConnected(stranger.peer)).toBe(false);
  });

  it('is kept out by the host itself when a relay lets it through', async () => {
    const { b, c } = await threeNodes();
    const stranger = await startMember({ listen: [] });
    stranger.standing.set(b.peer, 'member');
    stranger.standing.set(c.peer, 'member');
    // The relay alone takes it for a member.
    b.standing.set(stranger.peer, 'member');
    await dial(stranger, b, [b.address()]);
    await until('the relay serves it', () => stranger.net.relays().held === 1);
    await expect(dial(stranger, c, [])).rejects.toThrow();
    expect(c.refused('relay-not-member')).toBeGreaterThan(0);
    expect(c.net.isConnected(stranger.peer)).toBe(false);
  });

  it('loses its relayed connections when it is removed', async () => {
    const { a, b, c } = await threeNodes();
    await dial(a, c, []);
    b.standing.set(a.peer, 'removed');
    await until('C is rid of it', () => !c.net.isConnected(a.peer));
  });
});

describe('a node that does not use relays', () => {
  it('asks for no place, and is not reached through one', async () => {
    const b = await startMember({ relay: true });
    const c = await startMember({ listen: [], useRelays: false });
    admit(b, c);
    await dial(c, b, [b.address()]);
    await until('B knows what C speaks', async () => {
      const known = await b.net.node.peerStore.all();
      return known.some(({ id, protocols }) => `${id}` === c.peer && protocols.length > 0);
    });
    expect(c.net.relays()).toEqual({ known: 0, held: 0, given: 0 });
    expect(b.net.relays().given).toBe(0);
  });
});

describe('what others say', () => {
  it('does not make a node remember strangers as relays', async () => {
    const { a } = await threeNodes();
    const [away, stranger] = [await startMember(), await startMember()];
    a.standing.set(away.peer, 'member');
    const way = `${stranger.address()}/p2p-circuit`;
    await expect(dial(a, away, [way])).rejects.toThrow();
    const known = await a.net.node.peerStore.all();
    expect(known.map(({ id }) => `${id}`)).not.toContain(stranger.peer);
  });

  it('is told on as a way through that relay only', () => {
    const [relay, other] = [
      '12D3KooWGx3Utn9eWkQLEkx1ipyw9fRPm4hXGW8etcSEEFaeJ1ZY',
      '12D3KooWSeJ77imCCSqCEo4Yup48TNt2B91RpGDTQcz8HNQ12gLd',
    ];
    const named = [
      `/ip4/10.0.0.7/tcp/1/p2p/${relay}`,
      `/dns4/relay.example.org/tcp/1/p2p/${relay}`,
      `/ip4/10.0.0.8/tcp/1/p2p/${other}`,
      `/ip4/10.0.0.8/tcp/1/p2p/${other}/p2p-circuit/p2p/${relay}`,
      '/ip4/10.0.0.9/udp/53',
    ];
    const addrs = named.map((it) => multiaddr(it).bytes);
    const ways = circuitsOf({
      relay: peerIdFromString(relay),
      details: { reservation: { addrs } },
    });
    expect(ways.map(String)).toEqual(named.slice(0, 2).map((it) => `${it}/p2p-circuit`));
  });

  it('does not make a node dial again and again', async () => {
    const { a, c } = await threeNodes();
    await dial(a, c, []);
    const [relayed] = a.net.node.getConnections().filter((it) => !isDirect(it));
    if (relayed === undefined) throw new Error('not through a relay');
    const address = [...multiaddr('/ip4/93.184.216.34/tcp/1').bytes];
    const body = [0x08, 100, 0x12, address.length, ...address];
    let answers = 0;
    for (let count = 0; count < 30; count++) {
      const stream = await relayed.newStream('/libp2p/dcutr');
      const answered = new Promise<boolean>((done) => {
        stream.addEventListener('message', () => done(true));
        stream.addEventListener('close', () => done(false));
        if (stream.status !== 'open') done(false);
      });
      // It would be dialled after one more message.
      if (stream.status === 'open') stream.send(Uint8Array.of(body.length, ...body));
      if (await answered) answers++;
      stream.abort(new Error('enough'));
    }
    expect(answers).toBeGreaterThan(0);
    expect(answers).toBeLessThan(12);
  });
});
