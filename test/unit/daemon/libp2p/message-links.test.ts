import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMessageLink } from '../../../../daemon/libp2p/message-links.ts';
import { systemClock } from '../../../../daemon/system/clock.ts';
import { LIMITS, silentLogger } from '../../../../protocols/interface/index.ts';
import {
  LINK_DROPPED_METRIC,
  type StreamLink,
  type StreamLinkInit,
} from '../../../../protocols/wire/stream.ts';
import {
  admit,
  connect,
  MESH,
  startMember,
  stopAll,
  type TestNode,
} from '../../membership/door/mesh-nodes.ts';
import { CountingMetrics } from '../../wire/gossip-fixture.ts';

const PROTOCOL = `/cooee/${MESH}/raft/1`;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

interface Side {
  readonly node: TestNode;
  readonly link: StreamLink;
  readonly metrics: CountingMetrics;
  readonly heard: Uint8Array[];
  readonly events: string[];
}

// Goal: the link over real connections: the door before it, libp2p's events, TCP's backpressure.
describe('the message link over libp2p', () => {
  const links: StreamLink[] = [];

  async function start(init: Partial<StreamLinkInit> = {}): Promise<Side> {
    const node = await startMember();
    const metrics = new CountingMetrics();
    const heard: Uint8Array[] = [];
    const events: string[] = [];
    const link = createMessageLink(
      { network: node.net, clock: systemClock, logger: silentLogger, metrics },
      { protocol: PROTOCOL, onMessage: (_peer, bytes) => heard.push(bytes), ...init },
    );
    link.onPeer((peer, event) => events.push(`${peer} ${event}`));
    await link.start();
    links.push(link);
    return { node, link, metrics, heard, events };
  }

  async function pair(init: Partial<StreamLinkInit> = {}): Promise<[Side, Side]> {
    const a = await start(init);
    const b = await start(init);
    admit(a.node, b.node);
    await connect(a.node, b.node);
    await vi.waitFor(() => expect(b.link.isConnected(a.node.peer)).toBe(true));
    return [a, b];
  }

  const raftStreams = ({ node }: Side): number =>
    node.net.node
      .getConnections()
      .flatMap(({ streams }) => streams)
      .filter(({ protocol, direction }) => protocol === PROTOCOL && direction === 'outbound')
      .length;

  afterEach(async () => {
    for (const link of links.splice(0)) await link.stop();
    await stopAll();
  });

  it('brings many messages of all sizes both ways, in order, over one stream each', async () => {
    const [a, b] = await pair();
    const sizes = Array.from({ length: 300 }, (_, n) => 4 + ((n * 7919) % 20_000));
    sizes[150] = LIMITS.streamMessageBytesMax;
    const message = (size: number, n: number): Uint8Array => {
      const bytes = new Uint8Array(size).fill(n);
      new DataView(bytes.buffer).setUint32(0, n);
      return bytes;
    };
    for (const [n, size] of sizes.entries()) {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        await vi.waitFor(() => {
          expect(from.link.send(to.node.peer, message(size, n))).toBe(true);
        });
      }
    }
    for (const { heard } of [a, b]) {
      await vi.waitFor(() => expect(heard.length).toBe(sizes.length), 5000);
      for (const [n, bytes] of heard.entries()) {
        expect(bytes.byteLength).toBe(sizes[n]);
        expect(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)).toBe(n);
        expect(bytes.at(-1)).toBe(sizes[n] === 4 ? bytes[3] : n & 0xff);
      }
    }
    expect([a, b].map(raftStreams)).toEqual([1, 1]);
  });

  it('tells when a peer comes and goes, and opens kept streams when it is back', async () => {
    const [a, b] = await pair();
    a.link.keep([b.node.peer]);
    await vi.waitFor(() => expect(raftStreams(a)).toBe(1));
    await b.node.net.node.hangUp(a.node.net.node.peerId);
    await vi.waitFor(() =>
      expect(a.events.filter((event) => !event.endsWith('broken'))).toEqual([
        `${b.node.peer} connected`,
        `${b.node.peer} disconnected`,
      ]),
    );
    expect(a.link.send(b.node.peer, text('x'))).toBe(false);
    await connect(b.node, a.node);
    await vi.waitFor(() => expect(raftStreams(a)).toBe(1));
    expect(a.events.at(-1)).toBe(`${b.node.peer} connected`);
    expect(a.link.send(b.node.peer, text('back'))).toBe(true);
    await vi.waitFor(() => expect(b.heard).toEqual([text('back')]));
  });

  it('opens a stream again that was reset while the connection stands', async () => {
    const [a, b] = await pair();
    a.link.send(b.node.peer, text('1'));
    await vi.waitFor(() => expect(b.heard.length).toBe(1));
    for (const { streams } of b.node.net.node.getConnections()) {
      for (const stream of streams) {
        if (stream.protocol === PROTOCOL) stream.abort(new Error('reset'));
      }
    }
    await vi.waitFor(() => expect(a.events.at(-1)).toBe(`${b.node.peer} broken`));
    await vi.waitFor(() => expect(raftStreams(a)).toBe(1));
    a.link.send(b.node.peer, text('2'));
    await vi.waitFor(() => expect(b.heard).toEqual([text('1'), text('2')]));
  });

  it('keeps a bounded number of bytes for a peer that does not read', async () => {
    const [a, b] = await pair({ rate: { ratePerSecond: 1, burst: 1 } });
    const bytes = new Uint8Array(64 * 1024);
    let taken = 0;
    await vi.waitFor(
      async () => {
        while (a.link.send(b.node.peer, bytes)) {
          taken += 1;
          if (taken % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        expect(a.metrics.read(LINK_DROPPED_METRIC, { reason: 'full' })).toBeGreaterThan(20);
      },
      { timeout: 5000, interval: 20 },
    );
    // 4 MiB here, and what the window and the sockets hold.
    expect(taken * bytes.byteLength).toBeLessThan(24 * 1024 * 1024);
    expect(b.heard.length).toBeLessThan(20);
  });

  it('hears nothing from those that are no members, and opens no stream to them', async () => {
    const a = await start();
    const b = await start();
    b.node.standing.set(a.node.peer, 'member');
    await connect(a.node, b.node);
    await vi.waitFor(() => expect(b.link.isConnected(a.node.peer)).toBe(true));
    expect(b.link.send(a.node.peer, text('to a guest'))).toBe(true);
    a.link.send(b.node.peer, text('to a stranger'));
    await vi.waitFor(() => expect(b.events).toContain(`${a.node.peer} broken`));
    expect(a.metrics.read(LINK_DROPPED_METRIC, { reason: 'broken' })).toBe(1);
    expect(a.heard).toEqual([]);
    expect(b.heard).toEqual([]);
  });
});
