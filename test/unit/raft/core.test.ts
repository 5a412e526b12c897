import { describe, expect, it } from 'vitest';
import { RaftCore, type RaftInit } from '../../../protocols/raft/index.ts';

const INIT: RaftInit = {
  self: 'a',
  hardState: { term: 0, vote: null, commit: 0 },
  base: { index: 0, term: 0 },
  configuration: { voters: ['a'], learners: [] },
  configurationIndex: 0,
  log: [],
  canVote: true,
  random: () => 0,
  nowMs: 100,
};

/** The core of a node that votes alone, leading. */
function leader(): RaftCore {
  const core = new RaftCore(INIT);
  core.step({ type: 'tick' }, 100);
  core.takeReady();
  core.step({ type: 'persisted' }, 100);
  return core;
}

const entry = (index: number, term: number) => ({ index, term, bytes: new Uint8Array() });

describe('RaftCore', () => {
  it.each<readonly [string, Partial<RaftInit>, string]>([
    ['no name', { self: '' }, 'ERR_RAFT_INPUT'],
    ['no time', { nowMs: Number.NaN }, 'ERR_RAFT_INPUT'],
    ['no index', { base: { index: -1, term: 0 } }, 'ERR_RAFT_INPUT'],
    ['nobody twice', { configuration: { voters: ['a', 'a'], learners: [] } }, 'ERR_RAFT_INPUT'],
    ['timing', { timing: { heartbeatMs: 0 } }, 'ERR_RAFT_INPUT'],
    ['less than committed', { hardState: { term: 1, vote: null, commit: 1 } }, 'ERR_RAFT_STATE'],
    ['a later term', { log: [{ term: 1 }] }, 'ERR_RAFT_STATE'],
    ['a configuration of nowhere', { configurationIndex: 1 }, 'ERR_RAFT_STATE'],
  ])('does not start with %s', (_name, init, code) => {
    expect(() => new RaftCore({ ...INIT, ...init })).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });

  it('starts behind a state of a later term than it had heard of', () => {
    const hardState = { term: 2, vote: 'b', commit: 0 };
    const { status } = new RaftCore({ ...INIT, hardState, base: { index: 7, term: 5 } });
    expect([status.term, status.vote, status.commit]).toEqual([5, null, 7]);
  });

  it('starts without a configuration, as one who is told everything', () => {
    const core = new RaftCore({ ...INIT, configuration: { voters: [], learners: [] } });
    core.step({ type: 'tick' }, 160);
    core.step({ type: 'tick' }, 900);
    core.step({ type: 'tick' }, 960);
    expect([core.status.role, core.hasReady()]).toEqual(['follower', false]);
  });

  it('hands out nothing at or below a state that was installed, also when it was committed', () => {
    const configuration = { voters: ['a', 'b'], learners: [] };
    const core = new RaftCore({ ...INIT, configuration });
    const from = { from: 'b', to: 'a', term: 1 } as const;
    const offer = { type: 'snapshot', ...from, index: 2, indexTerm: 1 } as const;
    core.step({ type: 'message', message: offer }, 110);
    const asked = core.takeReady();
    expect(asked.fetchSnapshot).toEqual({ from: 'b', index: 2 });
    core.step({ type: 'persisted' }, 110);
    // Another way brings the entries, and that they are committed, while the state is fetched.
    const append = {
      type: 'append',
      ...from,
      prevIndex: 0,
      prevTerm: 0,
      count: 3,
      commit: 2,
    } as const;
    const entries = [entry(1, 1), entry(2, 1), entry(3, 1)];
    core.step({ type: 'message', message: { ...append, acknowledged: 0 }, entries }, 120);
    core.step({ type: 'snapshot-installed', index: 2, term: 1, configuration }, 130);
    const ready = core.takeReady();
    expect(ready.entries.map(({ index }) => index)).toEqual([3]);
    expect([ready.commit, core.status.lastIndex]).toEqual([2, 3]);
  });

  it('has no Ready while one is being written', () => {
    const core = new RaftCore(INIT);
    core.step({ type: 'tick' }, 100);
    expect(core.takeReady().hardState).toEqual({ term: 1, vote: 'a', commit: 0 });
    core.step({ type: 'read', id: 1 }, 100);
    expect(core.hasReady()).toBe(false);
    expect(() => core.takeReady()).toThrow('still being written');
    core.step({ type: 'persisted' }, 100);
    expect(core.hasReady()).toBe(true);
    expect(core.takeReady().reads).toEqual([{ id: 1, index: 0 }]);
    // Nothing was to be written: no end is waited for.
    core.step({ type: 'read', id: 2 }, 100);
    expect(core.hasReady()).toBe(true);
  });

  it('gives the entries back as they came, and commits them once they are durable', () => {
    const core = leader();
    const entries = [entry(1, 1), entry(2, 1)];
    core.step({ type: 'propose', entries }, 100);
    const ready = core.takeReady();
    expect([ready.entries, ready.commit]).toEqual([entries, 0]);
    core.step({ type: 'persisted' }, 100);
    expect(core.takeReady()).toMatchObject({ entries: [], commit: 2 });
    expect(core.hasReady()).toBe(false);
  });

  it.each([
    ['a hole', [entry(2, 1)]],
    ['another term', [entry(1, 2)]],
    ['an older term', [entry(1, 0)]],
  ])('takes no proposal with %s', (_name, entries) => {
    const core = leader();
    expect(() => core.step({ type: 'propose', entries }, 100)).toThrow(
      expect.objectContaining({ code: 'ERR_RAFT_INPUT' }) as Error,
    );
    expect(core.status.lastIndex).toBe(0);
  });

  it('takes no time that is none, and none that goes back', () => {
    const core = leader();
    expect(() => core.step({ type: 'tick' }, Number.NaN)).toThrow('a number');
    core.step({ type: 'tick' }, 50);
    expect(core.deadlineMs).toBe(160);
  });

  it('compacts nothing that is not committed', () => {
    const core = leader();
    core.step({ type: 'propose', entries: [entry(1, 1)] }, 100);
    expect(() => core.step({ type: 'compacted', index: 1 }, 100)).toThrow('committed');
  });

  it('shows the same status until something happens', () => {
    const core = leader();
    const { status } = core;
    expect(core.status).toBe(status);
    core.step({ type: 'tick' }, 110);
    expect(core.status).not.toBe(status);
  });

  it('says when it wants to be woken', () => {
    const configuration = { voters: ['a', 'b', 'c'], learners: [] };
    const core = new RaftCore({ ...INIT, configuration, random: () => 0.5 });
    expect(core.deadlineMs).toBe(160);
    const heartbeat = {
      from: 'b',
      to: 'a',
      term: 1,
      type: 'heartbeat',
      commit: 0,
      read: 0,
    } as const;
    core.step({ type: 'message', message: heartbeat }, 120);
    core.step({ type: 'connection-lost', peer: 'b' }, 130);
    expect(core.deadlineMs).toBe(145);
    core.step({ type: 'tick' }, 145);
    expect(core.status.role).toBe('pre-candidate');
  });
});
