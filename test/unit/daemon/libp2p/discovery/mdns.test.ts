import { generateKeyPair } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { hintsIn, MeshMdns } from '../../../../../daemon/libp2p/discovery/mdns.ts';
import { quietLogger } from '../../../../../daemon/libp2p/quiet-logger.ts';
import { ManualClock } from '../../../wire/manual-clock.ts';

const MESH = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
const TAG = `_cooee-${MESH.slice(-16)}._udp.local`;

/** libp2p's service behind it, whose handlers the socket calls. */
interface Inner {
  _onMdnsResponse(packet: object): void;
  _onMdnsQuery(packet: object): void;
}

function build() {
  const clock = new ManualClock();
  const ear = new MeshMdns(
    { addressManager: { getAddresses: () => [] }, logger: quietLogger },
    clock,
    { mesh: MESH, broadcast: true },
  );
  const heard: [string, readonly string[]][] = [];
  ear.onDiscovered((peer, addresses) => heard.push([peer, addresses]));
  return { clock, ear, heard, inner: ear.silent as unknown as Inner & { peerName: string } };
}

const answer = (name: string, ...addresses: readonly string[]) => ({
  answers: [
    { type: 'PTR', name: TAG, data: `${name}.${TAG}` },
    ...addresses.map((it) => ({ type: 'TXT', name: `${name}.${TAG}`, data: [`dnsaddr=${it}`] })),
  ],
  additionals: [],
});

const newPeer = async (): Promise<string> =>
  peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString();

describe('what is heard on the local network', () => {
  it('is told as a peer and where it may be dialled', async () => {
    const { ear, heard, inner } = build();
    const peer = await newPeer();
    inner._onMdnsResponse(answer('somebody', `/ip4/10.0.0.7/tcp/26633/p2p/${peer}`));
    expect(heard).toEqual([[peer, ['/ip4/10.0.0.7/tcp/26633']]]);
    expect(ear.lastHeard()).toEqual({ selfMs: undefined, others: 1 });
  });

  it('counts for a minute', async () => {
    const { ear, clock, inner } = build();
    inner._onMdnsResponse(answer('x', `/ip4/10.0.0.7/tcp/1/p2p/${await newPeer()}`));
    await clock.advance(50_000);
    inner._onMdnsResponse(answer('y', `/ip4/10.0.0.8/tcp/1/p2p/${await newPeer()}`));
    expect(ear.lastHeard().others).toBe(2);
    await clock.advance(20_000);
    expect(ear.lastHeard().others).toBe(1);
  });

  it('is known for its own voice when it is that', () => {
    const { ear, clock, heard, inner } = build();
    inner._onMdnsResponse(answer(inner.peerName));
    expect(ear.lastHeard()).toEqual({ selfMs: clock.nowMs(), others: 0 });
    expect(heard).toEqual([]);
  });

  it('is looked at 200 times at once and 50 times a second, whoever floods', async () => {
    const { clock, heard, inner } = build();
    const packet = answer('flood', `/ip4/10.0.0.7/tcp/1/p2p/${await newPeer()}`);
    for (let count = 0; count < 1000; count++) inner._onMdnsResponse(packet);
    expect(heard.length).toBe(200);
    await clock.advance(1000);
    for (let count = 0; count < 1000; count++) inner._onMdnsResponse(packet);
    expect(heard.length).toBe(250);
  });

  it('is heard among much talk of others', async () => {
    const { heard, inner } = build();
    const printer = { answers: [{ type: 'PTR', name: '_ipp._tcp.local', data: 'x' }] };
    for (let count = 0; count < 1000; count++) {
      inner._onMdnsResponse({ ...printer, additionals: [] });
    }
    inner._onMdnsResponse(answer('y', `/ip4/10.0.0.8/tcp/1/p2p/${await newPeer()}`));
    expect(heard).toHaveLength(1);
  });

  it('is asked for among many questions of others', () => {
    let answers = 0;
    const getAddresses = (): never[] => {
      answers++;
      return [];
    };
    const clock = new ManualClock();
    const parts = { addressManager: { getAddresses }, logger: quietLogger };
    const ear = new MeshMdns(parts, clock, { mesh: MESH, broadcast: true });
    const inner = ear.silent as unknown as Inner & { mdns: object };
    // As if it had been started.
    (ear.silent as unknown as { mdns: object }).mdns = {};
    const ask = (name: string) => inner._onMdnsQuery({ questions: [{ type: 'PTR', name }] });
    for (let count = 0; count < 1000; count++) ask('_ipp._tcp.local');
    expect(answers).toBe(0);
    for (let count = 0; count < 1000; count++) ask(TAG);
    expect(answers).toBe(256);
  });

  it('is not looked at when it has more to say than a host has', async () => {
    const { heard, inner } = build();
    const peer = await newPeer();
    const many = Array.from({ length: 100 }, (_, at) => `/ip4/10.0.0.8/tcp/${at + 1}/p2p/${peer}`);
    inner._onMdnsResponse(answer('y', ...many));
    expect(heard).toEqual([]);
  });

  it('may be garbage', () => {
    const { ear, heard, inner } = build();
    for (const packet of [
      {},
      { answers: [], additionals: [] },
      { answers: [{ name: TAG, type: 'PTR', data: 7 }], additionals: [] },
      answer('x', '/ip4/10.0.0.7/tcp/1'),
      answer('x', 'no address', '/p2p/no-peer'),
    ]) {
      inner._onMdnsResponse(packet);
      inner._onMdnsQuery({ questions: [], ...packet });
    }
    expect(heard).toEqual([]);
    expect(ear.lastHeard().others).toBe(0);
  });
});

describe('hints where to dial', () => {
  const hints = (...addresses: string[]) => hintsIn(addresses.map((it) => multiaddr(it)));

  it('are addresses of the local network, each once', () => {
    const kept = ['/ip4/10.0.0.7/tcp/26633', '/ip4/127.0.0.1/tcp/1', '/ip6/fd00::7/tcp/26633'];
    expect(hints(...kept, ...kept)).toEqual(kept);
  });

  it('are no strangers in the internet, no names and no ways through others', () => {
    const peer = '12D3KooWGx3Utn9eWkQLEkx1ipyw9fRPm4hXGW8etcSEEFaeJ1ZY';
    expect(
      hints(
        '/ip4/93.184.216.34/tcp/80',
        '/dns4/example.org/tcp/80',
        '/ip4/10.0.0.7/udp/53',
        '/ip4/10.0.0.7/tcp/80/ws',
        `/ip4/10.0.0.7/tcp/80/p2p/${peer}/p2p-circuit`,
      ),
    ).toEqual([]);
  });

  it('are not what is special in another way, and may lead anywhere', () => {
    const special = ['/ip6/2002:5db8:d822::1', '/ip4/255.255.255.255', '/ip4/0.0.0.0', '/ip6/::'];
    expect(hints(...special.map((it) => `${it}/tcp/80`))).toEqual([]);
    expect(hints('/ip6/::ffff:93.184.216.34/tcp/80')).toEqual([]);
  });

  it('are 16 at the most', () => {
    const many = Array.from({ length: 100 }, (_, at) => `/ip4/10.0.0.7/tcp/${at + 1}`);
    expect(hints(...many).length).toBe(16);
  });
});
