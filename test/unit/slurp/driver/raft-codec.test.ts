import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../../protocols/interface/index.ts';
import type { RaftMessage } from '../../../../protocols/raft/index.ts';
import {
  decodeLinkMessage,
  encodeHello,
  encodeRaft,
  encodeRefused,
} from '../../../../protocols/slurp/driver/raft-codec.ts';
import { encodeCanonical, TIME_MS_MAX } from '../../../../protocols/wire/index.ts';

const ends = { from: 'A', to: 'B' };
const n = fc.nat(Number.MAX_SAFE_INTEGER);
const time = fc.nat(TIME_MS_MAX);
const flag = fc.boolean();
const bodies: fc.Arbitrary<object> = fc.oneof(
  fc.record({
    type: fc.constantFrom('pre-vote', 'vote'),
    lastIndex: n,
    lastTerm: n,
    isTransfer: flag,
  }),
  fc.record({ type: fc.constantFrom('pre-vote-answer', 'vote-answer'), isGranted: flag }),
  fc.record({
    type: fc.constant('append-answer'),
    index: n,
    isRefused: flag,
    hintTerm: n,
    lastIndex: n,
    acknowledged: n,
  }),
  fc.record({ type: fc.constant('heartbeat'), commit: n, read: n }),
  fc.record({ type: fc.constant('heartbeat-answer'), read: n }),
  fc.record({ type: fc.constant('snapshot'), index: n, indexTerm: n }),
  fc.record({ type: fc.constant('timeout-now') }),
);

describe('messages between voters', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(bodies, n, time, (body, term, timeMs) => {
        const message = { ...ends, term, ...body } as RaftMessage;
        const decoded = decodeLinkMessage(encodeRaft(message, [], timeMs), ends);
        expect(decoded).toEqual({ kind: 'raft', message, entries: [], timeMs });
      }),
    );
  });

  it('carry the entries of an append, and count them', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 9 }), (entries) => {
        const place = { prevIndex: 3, prevTerm: 2, commit: 3, acknowledged: 2 };
        const message = { ...ends, type: 'append', term: 7, ...place };
        const sent = { ...message, count: 99 } as RaftMessage;
        const decoded = decodeLinkMessage(encodeRaft(sent, entries, 5), ends);
        expect(decoded).toEqual({
          kind: 'raft',
          message: { ...message, count: entries.length },
          entries,
          timeMs: 5,
        });
      }),
    );
  });

  it('introduce a start, and refuse one', () => {
    const log = { term: 9, lastIndex: 70, hasLostState: true };
    const hello = { boot: 3, bootNonce: 'ab', ...log, epoch: '' };
    expect(decodeLinkMessage(encodeHello(hello, false), ends)).toEqual({
      kind: 'hello',
      hello,
      isAnswer: false,
    });
    const evidence = new Uint8Array([1, 2]);
    expect(decodeLinkMessage(encodeRefused('lost-state', evidence), ends)).toEqual({
      kind: 'refused',
      reason: 'lost-state',
      evidence,
    });
  });

  it.each([
    ['no list', {}],
    ['nothing', []],
    ['no version', ['x']],
    ['a version 0', [0, 6, 1, 0, 0, 0]],
    ['an unknown type', [1, 50, 1, 0]],
    ['a negative term', [1, 6, -1, 0, 0, 0]],
    ['a text for a number', [1, 6, 1, 0, 'a', 0]],
    ['a number for a flag', [1, 2, 1, 0, 1]],
    ['fields too few', [1, 6, 1, 0, 0]],
    ['fields too many', [1, 6, 1, 0, 0, 0, 0]],
    ['entries that are no bytes', [1, 4, 1, 0, 0, 0, 0, ['a'], 0]],
    ['entries that are no list', [1, 4, 1, 0, 0, 0, 0, new Uint8Array(3), 0]],
    ['a long nonce', [1, 100, true, 1, 'x'.repeat(65), 1, 1, false]],
    ['an unknown reason', [1, 101, 9, new Uint8Array()]],
    ['much evidence', [1, 101, 0, new Uint8Array(8 * 1024 + 1)]],
  ])('are refused with %s', (_, value) => {
    expect(() => decodeLinkMessage(encodeCanonical(value), ends)).toThrow(
      expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' }),
    );
  });

  it('are refused with a clock beyond the year 9999: no entry could be dated by it', () => {
    const message = { ...ends, term: 2, type: 'heartbeat', commit: 1, read: 0 } as const;
    const [last, next] = [TIME_MS_MAX, TIME_MS_MAX + 1].map((at) => encodeRaft(message, [], at));
    expect(decodeLinkMessage(last as Uint8Array, ends)).toMatchObject({ timeMs: TIME_MS_MAX });
    expect(() => decodeLinkMessage(next as Uint8Array, ends)).toThrowError(
      expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' }),
    );
  });

  it('are refused when they are of a newer version, too long, or noise', () => {
    const code = (bytes: Uint8Array): unknown => {
      try {
        return decodeLinkMessage(bytes, ends);
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(code(encodeCanonical([2, 'whatever']))).toBe('ERR_WIRE_VERSION');
    expect(code(new Uint8Array(LIMITS.streamMessageBytesMax + 1))).toBe('ERR_WIRE_TOO_LARGE');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(code(bytes)).toMatch(/^ERR_WIRE_(MALFORMED|VERSION)$/);
      }),
    );
  });
});
