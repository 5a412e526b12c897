import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { encode } from '@ipld/dag-cbor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CooeeError, LIMITS } from '../../../protocols/interface/index.ts';
import {
  decodeErrorPayload,
  encodeErrorPayload,
  encodeFrame,
  FRAME_KIND,
  type Frame,
  FrameReader,
} from '../../../protocols/wire/stream.ts';

const frames = fc.array(
  fc.record({
    kind: fc.constantFrom(...Object.values(FRAME_KIND)),
    id: fc.integer({ min: 0, max: 0xffff_ffff }),
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 8 },
);

const readAll = (reader: FrameReader): Frame[] => {
  const read: Frame[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) read.push(frame);
  return read;
};

describe('frames', () => {
  it('survive any cut of the bytes', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 64 }), (sent, chunkBytes) => {
        const bytes = Buffer.concat(sent.map(encodeFrame));
        const reader = new FrameReader();
        const read: Frame[] = [];
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          reader.push(bytes.subarray(at, at + chunkBytes));
          read.push(...readAll(reader));
        }
        expect(read).toEqual(sent);
      }),
    );
  });

  it('keep nothing of the packets in which a frame comes byte by byte', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const keptBytes = async (): Promise<number> => {
      collect();
      // Memory outside of the heap is given back a moment later.
      await new Promise((resolve) => setTimeout(resolve, 50));
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const payload = Uint8Array.from({ length: 4_000 }, (_, i) => i);
    const frame = encodeFrame({ kind: FRAME_KIND.request, id: 1, payload });
    const reader = new FrameReader();
    const beforeBytes = await keptBytes();
    for (const byte of frame.subarray(0, -1)) {
      // Of each packet the rest is another stream's.
      const packet = new Uint8Array(64 * 1024).fill(byte, 0, 1);
      reader.push(packet.subarray(0, 1));
      expect(reader.next()).toBeUndefined();
    }
    expect((await keptBytes()) - beforeBytes).toBeLessThan(4 * 1024 * 1024);
    reader.push(frame.subarray(-1));
    expect(reader.next()?.payload).toEqual(payload);
    expect(reader.next()).toBeUndefined();
  });

  it('survive any cut while nobody reads', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat({ max: 400 })), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(encodeFrame));
        const reader = new FrameReader();
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          reader.push(bytes.subarray(at, at + cut));
          at = Math.min(bytes.length, at + cut);
        }
        expect(readAll(reader)).toEqual(sent);
        expect(reader.next()).toBeUndefined();
      }),
    );
  });

  it('carry the largest payload and no larger one', () => {
    const payload = new Uint8Array(LIMITS.streamMessageBytesMax);
    const reader = new FrameReader();
    reader.push(encodeFrame({ kind: FRAME_KIND.request, id: 1, payload }));
    expect(reader.next()?.payload.byteLength).toBe(LIMITS.streamMessageBytesMax);
    const larger = new Uint8Array(LIMITS.streamMessageBytesMax + 1);
    expect(() => encodeFrame({ kind: FRAME_KIND.request, id: 1, payload: larger })).toThrow(
      expect.objectContaining({ code: 'ERR_WIRE_TOO_LARGE' }),
    );
  });

  it.each([
    ['a length over the limit', [0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1], 'ERR_WIRE_TOO_LARGE'],
    ['a length below the header', [0, 0, 0, 4, 1, 0, 0, 0, 1], 'ERR_WIRE_MALFORMED'],
    ['an unknown kind', [0, 0, 0, 5, 9, 0, 0, 0, 1], 'ERR_WIRE_MALFORMED'],
    ['kind 0', [0, 0, 0, 5, 0, 0, 0, 0, 1], 'ERR_WIRE_MALFORMED'],
  ])('refuse %s as soon as the header is there', (_name, bytes, code) => {
    const reader = new FrameReader();
    reader.push(Uint8Array.from(bytes));
    expect(() => reader.next()).toThrow(expect.objectContaining({ code }));
  });
});

describe('errors on the wire', () => {
  it('keep code, message and details', () => {
    const error = new CooeeError('ERR_MEMBERSHIP_INVITE_USED', 'used up', {
      details: { uses: 1, peer: 'x', last: true, none: null },
    });
    expect(decodeErrorPayload(encodeErrorPayload(error))).toEqual(error);
  });

  it('tell nothing of an error that is not ours', () => {
    const error = decodeErrorPayload(encodeErrorPayload(new Error('/root/secret')));
    expect(error.code).toBe('ERR_API_INTERNAL');
    expect(error.message).not.toContain('secret');
  });

  it('tolerate a code of a newer program', () => {
    const payload = encode({ code: 'ERR_NEW_THING', message: 'new', details: { a: 1 } });
    expect(decodeErrorPayload(payload)).toMatchObject({
      code: 'ERR_API_INTERNAL',
      message: 'new',
      details: { a: 1, remoteCode: 'ERR_NEW_THING' },
    });
  });

  it.each([
    ['no dag-cbor', Uint8Array.from([0xff, 1, 2])],
    ['nothing', new Uint8Array()],
    ['a number', encode(7)],
    ['no message', encode({ code: 'ERR_WIRE_RATE' })],
    ['a code that is a name of Object', encode({ code: 1, message: 'toString' })],
    ['too many bytes', encode({ code: 'ERR_WIRE_RATE', message: 'x'.repeat(5000) })],
  ])('refuse %s', (_name, payload) => {
    expect(() => decodeErrorPayload(payload)).toThrow(
      expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' }),
    );
  });

  it('are bounded, whatever is in them', () => {
    const details = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`key${n}`, 'y'.repeat(10_000)]),
    );
    const payload = encodeErrorPayload(
      new CooeeError('ERR_WIRE_RATE', 'z'.repeat(9000), { details }),
    );
    expect(payload.byteLength).toBeLessThanOrEqual(4096);
    expect(decodeErrorPayload(payload).code).toBe('ERR_WIRE_RATE');
  });
});
