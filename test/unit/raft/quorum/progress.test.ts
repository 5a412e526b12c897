import { describe, expect, it } from 'vitest';
import { Progress } from '../../../../protocols/raft/quorum/progress.ts';

const fresh = () => new Progress({ peer: 'b', isLearner: false, nextIndex: 11, nowMs: 5 });

function replicating(): Progress {
  const progress = fresh();
  progress.acknowledge(10);
  return progress;
}

describe('Progress', () => {
  it('probes with one append until the logs are found to agree', () => {
    const progress = fresh();
    progress.sent(10, 3, true);
    expect([progress.isPaused, progress.next, progress.sentCommit]).toEqual([true, 11, 3]);
    progress.refuse(7);
    expect([progress.isPaused, progress.next, progress.sentCommit]).toEqual([false, 8, 0]);
    // A hint that is no lower than what was asked still takes a step back.
    progress.refuse(99);
    expect(progress.next).toBe(7);
    expect(progress.acknowledge(6)).toBe(true);
    expect([progress.state, progress.match, progress.next]).toEqual(['replicate', 6, 7]);
  });

  it('sends ahead, and frees what is acknowledged', () => {
    const progress = replicating();
    progress.sent(12, 10, false);
    progress.sent(13, 10, false);
    expect([progress.inflightCount, progress.next]).toEqual([2, 14]);
    expect(progress.acknowledge(12)).toBe(true);
    expect([progress.inflightCount, progress.match, progress.next]).toEqual([1, 12, 14]);
    expect(progress.acknowledge(11)).toBe(false);
    expect([progress.inflightCount, progress.match]).toEqual([1, 12]);
  });

  it('goes back to what was acknowledged, never below', () => {
    const progress = replicating();
    progress.sent(15, 10, false);
    progress.refuse(3);
    expect([progress.state, progress.next, progress.inflightCount]).toEqual(['probe', 11, 0]);
    progress.refuse(0);
    expect(progress.next).toBe(11);
  });

  it('waits for a state, and takes none that is older', () => {
    const progress = fresh();
    progress.becomeSnapshot(20, 100);
    expect([progress.state, progress.isPaused, progress.snapshotMs]).toEqual([
      'snapshot',
      true,
      100,
    ]);
    progress.refuse(4);
    progress.acknowledge(19);
    expect(progress.state).toBe('snapshot');
    progress.acknowledge(21);
    expect([progress.state, progress.next]).toEqual(['replicate', 22]);
  });

  it('remembers when it was heard', () => {
    const progress = fresh();
    expect([progress.heardMs, progress.answeredMs]).toEqual([5, 0]);
    progress.hear(9);
    expect([progress.heardMs, progress.answeredMs]).toEqual([9, 9]);
  });
});
