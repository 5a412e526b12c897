import type { CircuitRelayService } from '@libp2p/circuit-relay-v2';
import type { Connection, Stream } from '@libp2p/interface';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Stranger,
  startMember,
  startStranger,
  stopAll,
  type TestNode,
} from '../../../membership/door/mesh-nodes.ts';
import { until } from './until.ts';

// Goal: what a member can make a relay do with messages that no honest node sends.
// Method: the protocol by hand, byte by byte.

const HOP = '/libp2p/circuit/relay/0.2.0/hop';
const STOP = '/libp2p/circuit/relay/0.2.0/stop';
/** Protobuf, with its length before it: the fields type = 1, peer = 2 (with id = 1), status. */
const RESERVE = Uint8Array.of(2, 0x08, 0);
const ACCEPTED = Uint8Array.of(4, 0x08, 1, 0x20, 100);
/** By far more than taking a chunk takes. One that is later is poured less, and no more. */
const DRAIN_MS = 1000;
const CHUNK = new Uint8Array(64 * 1024);

afterEach(stopAll);

function connectTo(stranger: Stranger): Uint8Array {
  const id = stranger.node.peerId.toMultihash().bytes;
  const peer = [0x0a, id.length, ...id];
  const body = [0x08, 1, 0x12, peer.length, ...peer];
  return Uint8Array.of(body.length, ...body);
}

/** Somebody whom the relay takes for a member, connected to it. */
async function startGuest(relay: TestNode): Promise<Stranger & { connection: Connection }> {
  const stranger = await startStranger([]);
  relay.standing.set(stranger.peer, 'member');
  const [address] = relay.net.node.getMultiaddrs();
  if (address === undefined) throw new Error('the relay listens nowhere');
  return { ...stranger, connection: await stranger.node.dial(address) };
}

const answer = (stream: Stream): Promise<unknown> =>
  new Promise((done) => stream.addEventListener('message', done, { once: true }));

/** Sends until nothing more is taken. */
async function pour(stream: Stream, bytesMax: number): Promise<number> {
  for (let bytes = 0; ; ) {
    if (bytes >= bytesMax) return bytes;
    const more = stream.send(CHUNK);
    bytes += CHUNK.length;
    if (!more) {
      const drained = new Promise((done) => stream.addEventListener('drain', done, { once: true }));
      const late = new Promise((done) => setTimeout(done, DRAIN_MS, 'late'));
      if ((await Promise.race([drained, late])) === 'late') return bytes;
    }
  }
}

describe('a relay', () => {
  it('takes no more from one side than the other side takes, and loses nothing of it', async () => {
    const relay = await startMember({ relay: true });
    const [sender, target] = [await startGuest(relay), await startGuest(relay)];
    let taken: Stream | undefined;
    await target.node.handle(STOP, (stream) => {
      taken = stream;
      void answer(stream).then(() => {
        stream.send(ACCEPTED);
        stream.pause();
      });
    });
    (await target.connection.newStream(HOP)).send(RESERVE);
    await until('the target has a place', () => relay.net.relays().given === 1);
    const stream = await sender.connection.newStream(HOP);
    stream.send(connectTo(target));
    await answer(stream);

    const sent = await pour(stream, 64 * 1024 * 1024);
    expect(sent).toBeLessThan(8 * 1024 * 1024);
    let received = 0;
    taken?.addEventListener('message', ({ data }) => {
      received += data.byteLength;
    });
    taken?.resume();
    await until('all of it is there', () => received === sent);
    const second = await pour(stream, 4 * 1024 * 1024);
    await stream.close();
    await until('and what comes after', () => received === sent + second);
  });

  it('reads no long message', async () => {
    const relay = await startMember({ relay: true });
    const { connection } = await startGuest(relay);
    const stream = await connection.newStream(HOP);
    const ended = new Promise((done) => stream.addEventListener('close', done));
    // It says that it has 4 MiB.
    stream.send(Uint8Array.of(0x80, 0x80, 0x80, 0x02));
    const late = new Promise((done) => setTimeout(done, 5000, 'late'));
    expect(await Promise.race([ended, late])).not.toBe('late');
  });

  it('frees the place of who is removed', async () => {
    const relay = await startMember({ relay: true });
    const { connection, peer } = await startGuest(relay);
    (await connection.newStream(HOP)).send(RESERVE);
    await until('it has a place', () => relay.net.relays().given === 1);
    relay.standing.set(peer, 'removed');
    expect(relay.net.relays().given).toBe(0);
  });

  it('keeps a place as long as its member is connected', async () => {
    const relay = await startMember({ relay: true });
    const { connection, node } = await startGuest(relay);
    (await connection.newStream(HOP)).send(RESERVE);
    await until('it has a place', () => relay.net.relays().given === 1);
    const { reservations } = relay.net.node.services.relayServer as CircuitRelayService;
    const signal = reservations.get(node.peerId)?.signal;
    // As at two renewals; the time of neither may end it.
    signal?.reset(30);
    signal?.reset(3_600_000);
    await new Promise((done) => setTimeout(done, 200));
    expect(signal?.aborted).toBe(false);
    expect(relay.net.relays().given).toBe(1);
    await node.stop();
    await until('the place is free', () => relay.net.relays().given === 0);
  });
});
