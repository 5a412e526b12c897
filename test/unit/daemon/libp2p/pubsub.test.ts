import { describe, expect, it } from 'vitest';
import { pubsubOptions } from '../../../../daemon/libp2p/pubsub.ts';

const { fastMsgIdFn } = pubsubOptions({ topics: ['topic'], isMember: () => true });
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const message = {
  from: bytes(1, 2),
  seqno: bytes(0, 0, 0, 0, 0, 0, 0, 7),
  topic: 'topic',
  data: bytes(3, 4, 5),
  signature: bytes(6, 7),
  key: bytes(8),
};

describe('copies of a gossip message', () => {
  it('are told without a verification', () => {
    const copy = { ...message, data: bytes(3, 4, 5) };
    expect(fastMsgIdFn?.(copy)).toBe(fastMsgIdFn?.(message));
  });

  it.each([
    ['from', { from: bytes(1, 3) }],
    ['seqno', { seqno: bytes(0, 0, 0, 0, 0, 0, 0, 8) }],
    ['topic', { topic: 'topics' }],
    ['data', { data: bytes(3, 4, 6) }],
    ['signature', { signature: bytes(6, 8) }],
    ['key', { key: bytes(9) }],
  ])('differ from a message with another %s, which is verified for itself', (_name, change) => {
    expect(fastMsgIdFn?.({ ...message, ...change })).not.toBe(fastMsgIdFn?.(message));
  });

  it('are not confused by bytes that move from one field to the next', () => {
    const moved = { ...message, data: bytes(3, 4), signature: bytes(5, 6, 7) };
    expect(fastMsgIdFn?.(moved)).not.toBe(fastMsgIdFn?.(message));
    const { key: _key, ...keyless } = message;
    expect(fastMsgIdFn?.(keyless)).not.toBe(fastMsgIdFn?.({ ...keyless, key: bytes() }));
  });
});
