import { describe, expect, it } from 'vitest';
import { RAFT_TIMING, raftTiming } from '../../../protocols/raft/index.ts';

describe('raftTiming', () => {
  it('fills in the defaults', () => {
    expect(raftTiming()).toEqual(RAFT_TIMING);
    expect(raftTiming({ heartbeatMs: 20 })).toEqual({ ...RAFT_TIMING, heartbeatMs: 20 });
  });

  it.each([
    { heartbeatMs: 0 },
    { heartbeatMs: Number.NaN },
    { heartbeatMs: 134 },
    { electionMs: 179 },
    { electionSpreadMs: 0 },
    { connectionLostSpreadMs: -1 },
    { connectionLostSpreadMs: 401 },
    { inflightMax: 0 },
    { inflightMax: 1.5 },
    { appendEntriesMax: 65_537 },
  ])('refuses %o', (timing) => {
    expect(() => raftTiming(timing)).toThrow(
      expect.objectContaining({ code: 'ERR_RAFT_INPUT' }) as Error,
    );
  });

  it.each([{ heartbeatMs: 133 }, { electionMs: 180 }, { connectionLostSpreadMs: 0 }])(
    'takes %o',
    (timing) => {
      expect(raftTiming(timing)).toMatchObject(timing);
    },
  );
});
