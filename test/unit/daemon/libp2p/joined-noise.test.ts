import { generateKeyPair } from '@libp2p/crypto/keys';
import type { MessageStream, MultiaddrConnection, PrivateKey } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { afterEach, describe, expect, it } from 'vitest';
import { joinedNoise } from '../../../../daemon/libp2p/joined-noise.ts';
import { quietLogger } from '../../../../daemon/libp2p/quiet-logger.ts';
import { until } from '../../../mesh/harness.ts';

// Goal: one piece for each message, and the same bytes as without it. Method: both ends over a pair
// of connections, one of them plain noise.
describe('noise whose messages are written in one piece', () => {
  const open: MultiaddrConnection[] = [];
  afterEach(() => {
    for (const connection of open.splice(0)) connection.abort(new Error('the test is over'));
  });

  const encrypter = (make: typeof noise, privateKey: PrivateKey) =>
    make()({
      privateKey,
      logger: quietLogger,
      upgrader: { getStreamMuxers: () => new Map() },
    } as unknown as Parameters<ReturnType<typeof noise>>[0]);

  async function start(far: typeof noise) {
    const [near, other] = multiaddrConnectionPair();
    open.push(near, other);
    const pieces: number[] = [];
    const keys = [await generateKeyPair('Ed25519'), await generateKeyPair('Ed25519')] as const;
    const send = near.send.bind(near);
    near.send = (data) => {
      // A list goes out piece by piece.
      pieces.push(data instanceof Uint8Array ? 1 : [...data].length);
      return send(data);
    };
    const [a, b] = await Promise.all([
      encrypter(joinedNoise, keys[0]).secureOutbound(near, {
        remotePeer: peerIdFromPrivateKey(keys[1]),
      }),
      encrypter(far, keys[1]).secureInbound(other, {}),
    ]);
    return { a: a.connection, b: b.connection, pieces };
  }

  function listen(stream: MessageStream): () => Uint8Array {
    let all = new Uint8Array();
    stream.addEventListener('message', ({ data }) => {
      all = Uint8Array.from([...all, ...data.subarray()]);
    });
    return () => all;
  }

  it.each([
    ['with its like', joinedNoise],
    ['with one that has them in two', noise],
  ])('speaks %s, both ways', async (_what, far) => {
    const { a, b, pieces } = await start(far);
    const heardByB = listen(b);
    const heardByA = listen(a);
    const message = Uint8Array.from({ length: 1_000 }, (_, i) => i % 251);
    pieces.length = 0;
    a.send(message);
    b.send(message.subarray(1));
    b.send(message.subarray(0, 1));
    await until('all have come', () => heardByA().length === 1000 && heardByB().length === 1000);
    expect(heardByB()).toEqual(message);
    expect(heardByA()).toEqual(Uint8Array.from([...message.subarray(1), message[0] ?? 0]));
    expect(pieces).toEqual([1]);
  });

  it('carries what takes more than one message of noise', async () => {
    const { a, b } = await start(joinedNoise);
    let received = 0;
    b.addEventListener('message', ({ data }) => {
      received += data.byteLength;
    });
    a.send(new Uint8Array(200_000));
    await until('all has come', () => received >= 200_000);
    expect(received).toBe(200_000);
  });

  it('ends with an error when what comes is no message', async () => {
    const { b, a } = await start(joinedNoise);
    const [near] = open;
    const ended = new Promise<boolean>((resolve) => {
      b.addEventListener('close', (event) => resolve(event.error !== undefined));
    });
    expect(a.status).toBe('open');
    near?.send(Uint8Array.of(0, 20, ...new Uint8Array(20)));
    expect(await ended).toBe(true);
  });
});
