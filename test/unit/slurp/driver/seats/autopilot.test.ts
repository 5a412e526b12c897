import { describe, expect, it } from 'vitest';
import type {
  Configuration,
  PeerProgress,
  RaftStatus,
} from '../../../../../protocols/raft/index.ts';
import { Autopilot } from '../../../../../protocols/slurp/driver/seats/autopilot.ts';
import { MeshState } from '../../../../../protocols/slurp/index.ts';
import { recordLogger } from '../../../storage/record-logger.ts';
import { ManualClock } from '../../mesh-world.ts';

/** The end of its log. */
const LAST = 1_000;

/** A leader A with members, and what it was made to change. */
function start(
  members: string,
  options: {
    mute?: string;
    readonly announced?: number;
    /** How many entries the others lack, and since when they are silent. */
    readonly lag?: number;
    readonly silentMs?: number;
  } = {},
) {
  const { lag = 0, silentMs = 0 } = options;
  const clock = new ManualClock();
  const state = new MeshState();
  const mesh = { votersTarget: 'auto', voters: ['A'], learners: [] };
  state.merge([{ table: 'mesh', key: 'mesh', value: mesh as never }]);
  const leader = { term: options.announced ?? 2, peer: 'A' };
  state.merge([{ table: 'mesh', key: 'leader', value: leader as never }]);
  for (const [i, peer] of [...members].entries()) {
    const value = { peer, addedIndex: i, removedIndex: null };
    state.merge([{ table: 'member', key: peer, value: value as never }]);
  }
  let configuration: Configuration = { voters: ['A'], learners: [] };
  const changes: string[] = [];
  const progressOf = (peer: string): PeerProgress => ({
    peer,
    isLearner: configuration.learners.includes(peer),
    match: options.mute?.includes(peer) === true ? 0 : LAST - lag,
    isActive: options.mute?.includes(peer) !== true,
    answeredMs: options.mute?.includes(peer) === true ? 0 : clock.monotonicMs() - silentMs,
    hasLostLog: false,
  });
  const raft = { role: 'leader' as RaftStatus['role'], commit: LAST, configurationIndex: 5 };
  const autopilot = new Autopilot({
    clock,
    logger: recordLogger(),
    state,
    status: () => ({
      ...{ self: 'A', term: 2, vote: 'A', leader: 'A', lastIndex: LAST, lastTerm: 2 },
      ...{ transferee: null, canVote: true, ignoredCount: 0, configuration, ...raft },
      progress: [...configuration.voters, ...configuration.learners].map(progressOf),
    }),
    isConnected: () => true,
    lost: new Set(),
    isUnlinked: () => false,
    changeVoters: async (next) => {
      configuration = next;
      changes.push(`${next.voters.join('')}+${next.learners.join('')}`);
    },
    transfer: async () => {
      raft.role = 'follower';
      changes.push('transfer');
    },
  });
  return { clock, autopilot, changes, raft };
}

describe('Autopilot', () => {
  it('makes the changes one after the other, each when the last is in force', async () => {
    const { clock, autopilot, changes } = start('ABC');
    autopilot.look();
    await clock.advance(10);
    expect(changes).toEqual(['A+BC', 'AB+C', 'ABC+']);
  });

  it.each([
    [256, 1_000, ['A+BC', 'AB+C', 'ABC+']],
    [257, 1_000, ['A+BC']],
    [256, 1_001, ['A+BC']],
  ])(
    'seats learners that lack %i entries and answered %i ms ago: %j',
    async (lag, silentMs, all) => {
      const { clock, autopilot, changes } = start('ABC', { lag, silentMs });
      await clock.advance(2_000);
      autopilot.look();
      await clock.advance(10);
      expect(changes).toEqual(all);
    },
  );

  it('gives the seat of a voter away that is silent for ten minutes', async () => {
    const options = { mute: '' };
    const { clock, autopilot, changes } = start('ABCD', options);
    autopilot.start();
    await clock.advance(5_000);
    expect(changes.at(-1)).toBe('ABC+');
    options.mute = 'B';
    await clock.advance(598_000);
    expect(changes.at(-1)).toBe('ABC+');
    await clock.advance(10_000);
    expect(changes.at(-1)).toBe('ACD+');
    autopilot.stop();
  });

  it('makes none before its term has committed its announcement', async () => {
    const { clock, autopilot, changes } = start('ABC', { announced: 1 });
    autopilot.look();
    await clock.advance(10);
    expect(changes).toEqual([]);
  });

  it('makes none while it does not lead, or while one is not committed', async () => {
    const { clock, autopilot, changes, raft } = start('ABC');
    raft.role = 'follower';
    autopilot.look();
    raft.role = 'leader';
    raft.configurationIndex = LAST + 1;
    autopilot.look();
    await clock.advance(10);
    expect(changes).toEqual([]);
  });

  it('looks every second once it is started, and not when it is stopped', async () => {
    const { clock, autopilot, changes } = start('ABC');
    autopilot.start();
    await clock.advance(999);
    expect(changes).toEqual([]);
    await clock.advance(2);
    expect(changes.length).toBeGreaterThan(0);
    autopilot.stop();
    const before = changes.length;
    await clock.advance(10_000);
    expect(changes.length).toBe(before);
  });

  it('passes over a learner that is connected and says nothing', async () => {
    const { clock, autopilot, changes } = start('ABCD', { mute: 'B' });
    autopilot.start();
    await clock.advance(9_000);
    expect(changes).toEqual(['A+BC']);
    await clock.advance(4_000);
    expect(changes.at(-1)).toBe('ACD+');
    autopilot.stop();
  });

  it('gives a learner that it passed over its full time when that has started again', async () => {
    const how = { mute: 'B' };
    const { clock, autopilot, changes } = start('ABC', how);
    autopilot.start();
    await clock.advance(12_000);
    expect(changes).toEqual(['A+BC', 'A+C']);
    autopilot.started('B');
    await clock.advance(3_000);
    how.mute = '';
    await clock.advance(3_000);
    expect([...(changes.at(-1) ?? '')].sort().join('')).toBe('+ABC');
    expect(changes.at(-1)?.endsWith('+')).toBe(true);
    autopilot.stop();
  });

  it('asks a mute learner again when nobody else is there, ever more rarely', async () => {
    const how = { mute: 'B' };
    const { clock, autopilot, changes } = start('ABC', how);
    autopilot.start();
    await clock.advance(12_000);
    expect(changes).toEqual(['A+BC', 'A+C']);
    await clock.advance(12_000);
    expect(changes).toEqual(['A+BC', 'A+C']);
    await clock.advance(4_000);
    expect(changes.at(-1)).toBe('A+CB');
    await clock.advance(15_000);
    expect(changes.at(-1)).toBe('A+C');
    // Twice as long from time to time: each try is written into the log.
    await clock.advance(20_000);
    expect(changes).toHaveLength(4);
    how.mute = '';
    await clock.advance(15_000);
    expect([...(changes.at(-1) ?? '')].sort().join('')).toBe('+ABC');
    expect(changes.at(-1)?.endsWith('+')).toBe(true);
    autopilot.stop();
  });

  it('asks one that never says anything a few times an hour', async () => {
    const { clock, autopilot, changes } = start('ABC', { mute: 'B' });
    autopilot.start();
    for (let minute = 0; minute < 60; minute++) await clock.advance(60_000);
    expect(changes.filter((it) => it === 'A+CB').length).toBeLessThan(12);
    expect(changes.filter((it) => it === 'A+CB').length).toBeGreaterThan(6);
    autopilot.stop();
  });

  it('moves the seat of a leader that is about to leave, and hands over', async () => {
    const { clock, autopilot, changes } = start('AB');
    autopilot.look();
    await clock.advance(10);
    expect(changes).toEqual([]);
    autopilot.vacate('A');
    await clock.advance(10);
    autopilot.look();
    await clock.advance(10);
    expect(changes).toEqual(['A+B', 'AB+', 'transfer']);
  });

  it('forgets who was about to leave when that is not said again', async () => {
    const { clock, autopilot, changes } = start('AB', { mute: 'B' });
    autopilot.vacate('A');
    await clock.advance(10);
    expect(changes).toEqual(['A+B']);
    await clock.advance(5_000);
    autopilot.look();
    await clock.advance(10);
    expect(changes).toEqual(['A+B', 'A+']);
  });
});
