import { expect, it } from 'vitest';
import { followersOf } from '../../../../daemon/services/slurp-view.ts';
import type { PeerProgress, RaftStatus } from '../../../../protocols/raft/index.ts';

const progress = (peer: string, change: Partial<PeerProgress>): PeerProgress =>
  ({ peer, match: 10, isLearner: false, answeredMs: 900, ...change }) as PeerProgress;

const leading = {
  self: 'L',
  role: 'leader',
  lastIndex: 12,
  progress: [
    progress('L', { match: 12 }),
    progress('A', {}),
    progress('B', { match: 0, isLearner: true, answeredMs: 0 }),
  ],
} as unknown as RaftStatus;

it('the leader tells how far each other seat is, and when it last answered', () => {
  expect(followersOf(leading, 1_000)).toEqual([
    { peer: 'A', isLearner: false, lagEntries: 2, silentMs: 100 },
    { peer: 'B', isLearner: true, lagEntries: 12, silentMs: null },
  ]);
});

it('nobody else does', () => {
  expect(followersOf(undefined, 1_000)).toEqual([]);
  expect(followersOf({ ...leading, role: 'follower' }, 1_000)).toEqual([]);
});
