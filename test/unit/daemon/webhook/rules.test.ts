import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Attempt,
  describe as describeAttempt,
  holdMs,
  isOver,
  judge,
  parseRetryAfter,
  pauseMs,
  wants,
} from '../../../../daemon/webhook/rules.ts';
import { CALL_A, callOf } from './fixture.ts';

const failed: Attempt = { kind: 'failed', reason: 'timeout' };
const status = (code: number, retryAfterMs?: number): Attempt => ({
  kind: 'status',
  status: code,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

describe('judge', () => {
  it.each([200, 201, 204, 299])('takes %d for delivered', (code) => {
    expect(judge(status(code))).toBe('delivered');
  });

  it.each([100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 408, 429, 500, 502, 503, 504])(
    'tries again after %d',
    (code) => {
      expect(judge(status(code))).toBe('retry');
    },
  );

  it('ends the webhook at 410, and tries again where there was no status', () => {
    expect(judge(status(410))).toBe('gone');
    expect(judge(failed)).toBe('retry');
  });
});

describe('wants', () => {
  const event = (changes = {}) => {
    const call = callOf(CALL_A, changes);
    return { type: 'call:open', version: 1, index: 7, timeMs: 1, call } as const;
  };
  const all = { severityMin: 'info', escalationMin: 0 } as const;

  it('goes by the type when types are named', () => {
    expect(wants(all, event())).toBe(true);
    expect(wants({ ...all, events: ['call:open'] }, event())).toBe(true);
    expect(wants({ ...all, events: ['call:answer'] }, event())).toBe(false);
  });

  it.each([
    ['info', 'info', true],
    ['info', 'blocked', false],
    ['blocked', 'blocked', true],
    ['blocked', 'danger', false],
    ['danger', 'info', true],
  ] as const)('a %s call for those from %s on: %s', (severity, severityMin, isWanted) => {
    expect(wants({ ...all, severityMin }, event({ severity }))).toBe(isWanted);
  });

  it('widens with each escalation', () => {
    const second = { ...all, escalationMin: 1 };
    expect(wants(second, event())).toBe(false);
    expect(wants(second, event({ escalations: 1 }))).toBe(true);
    expect(wants(second, event({ escalations: 2 }))).toBe(true);
  });
});

describe('isOver', () => {
  it.each([
    ['open', false],
    ['claimed', false],
    ['answered', true],
    ['expired', true],
    ['withdrawn', true],
  ] as const)('%s: %s', (state, isEnded) => {
    expect(isOver(callOf(CALL_A, { state }))).toBe(isEnded);
  });
});

describe('pauseMs', () => {
  it('doubles from a second to ten minutes', () => {
    const longest = Array.from({ length: 12 }, (_, n) => pauseMs(n + 1, 1, failed));
    expect(longest.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(longest.slice(-2)).toEqual([600_000, 600_000]);
  });

  it('is never below half of that, nor above the hour that a receiver may ask for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        fc.option(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
        (failures, fraction, askedMs) => {
          const ms = pauseMs(failures, fraction, status(503, askedMs));
          expect(ms).toBeGreaterThanOrEqual(500);
          expect(ms).toBeGreaterThanOrEqual(Math.min(askedMs ?? 0, 3_600_000));
          expect(ms).toBeLessThanOrEqual(3_600_000);
          expect(Number.isInteger(ms)).toBe(true);
        },
      ),
    );
  });
});

describe('holdMs', () => {
  it.each([
    ['429 that asks', status(429, 90_000), 90_000],
    ['503 that asks', status(503, 90_000), 90_000],
    ['429 that asks for a day', status(429, 86_400_000), 3_600_000],
    ['429 that asks for nothing', status(429), 0],
    ['500 that asks: it may be about this event', status(500, 90_000), 0],
    ['no answer', failed, 0],
  ])('%s', (_what, attempt, ms) => {
    expect(holdMs(attempt)).toBe(ms);
  });
});

describe('parseRetryAfter', () => {
  const nowMs = Date.parse('Sat, 21 Nov 2026 12:00:00 GMT');

  it.each([
    ['0', 0],
    ['120', 120_000],
    ['Sat, 21 Nov 2026 12:01:00 GMT', 60_000],
    ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
    ['', undefined],
    ['-5', undefined],
    ['1e9', undefined],
    ['99999999999', undefined],
    ['soon', undefined],
    ['2026-11-21', undefined],
    ['Xxx, nothing GMT', undefined],
  ])('%s', (text, ms) => {
    expect(parseRetryAfter(text, nowMs)).toBe(ms);
  });
});

describe('describe', () => {
  it('says what happened in words that hold nothing of the receiver', () => {
    expect(describeAttempt(status(500))).toBe('status 500');
    expect(describeAttempt({ kind: 'failed', reason: 'network', code: 'ECONNREFUSED' })).toBe(
      'the connection failed (ECONNREFUSED)',
    );
    expect(describeAttempt(failed)).toBe('no answer in time');
  });
});
