import { describe, expect, it } from 'vitest';
import type { BookEntry } from './node-log.ts';
import { RaftBook } from './raft-book.ts';

const entries = (from: number, to: number, term = 1): BookEntry[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ term, bytes: Uint8Array.of(from + i, term) }));

const NOTHING = { index: 0, term: 0 };

/** One node that has committed ten entries, and one that is at five of the six that it holds. */
function behind(): RaftBook {
  const book = new RaftBook();
  book.started('a', NOTHING, entries(1, 10));
  book.committed('a', 10);
  book.started('b', NOTHING, entries(1, 6));
  book.committed('b', 5);
  return book;
}

describe('the commit index of a node that fetches a state', () => {
  const STATE = { index: 9, term: 1 };

  it('is that of the log before until the state is loaded', () => {
    const book = behind();
    book.restored('b', STATE, []);
    book.committed('b', 6);
    book.committed('b', 9);
    book.appended('b', 10, entries(10, 10));
    book.committed('b', 10);
    expect(book.commitOf('b')).toBe(10);
  });

  it('never goes back meanwhile, nor beyond what was held', () => {
    const book = behind();
    book.restored('b', STATE, []);
    expect(() => book.committed('b', 4)).toThrow('commit-never-back: b goes from 5 to 4');
    expect(() => book.committed('b', 7)).toThrow('commit-is-held: b commits 7, holds 6');
  });

  it('never goes back behind the state once that is loaded', () => {
    const book = behind();
    book.restored('b', STATE, []);
    book.committed('b', 9);
    expect(() => book.committed('b', 6)).toThrow('commit-never-back: b goes from 9 to 6');
  });

  it('still counts for what others call committed', () => {
    const book = new RaftBook();
    book.started('a', NOTHING, [...entries(1, 5), ...entries(6, 10, 2)]);
    book.committed('a', 10);
    book.started('b', NOTHING, entries(1, 6));
    book.committed('b', 5);
    book.restored('b', { index: 9, term: 2 }, []);
    expect(() => book.committed('b', 6)).toThrow('state-machine-safety');
  });

  it('is of the history of the log before, until the state is loaded', () => {
    const book = new RaftBook({
      recoveryIn: (bytes) => (bytes[0] === 6 ? { id: 'recovery', epoch: 1 } : undefined),
      isPulling: () => false,
    });
    book.started('a', NOTHING, entries(1, 5));
    book.committed('a', 5);
    book.appended('a', 6, entries(6, 9, 2));
    book.committed('a', 9);
    book.started('b', NOTHING, entries(1, 4));
    book.committed('b', 3);
    book.restored('b', { index: 9 }, [], 'recovery');
    book.committed('b', 4);
    expect(book.branchOf('b').id).toBe('');
    // The state is in the log already: a look at it says nothing new.
    book.reopened('b', { index: 9 }, [], undefined);
    expect(book.branchOf('b').id).toBe('');
    book.committed('b', 9);
    expect(book.branchOf('b').id).toBe('recovery');
  });

  it('is not before an older state', () => {
    const book = behind();
    expect(() => book.restored('b', { index: 4, term: 1 }, [])).toThrow('commit-never-back');
  });
});

describe('a log that goes on behind a recovery with what was not committed before', () => {
  const recovery = (bytes: Uint8Array) =>
    bytes[0] === 9 ? { id: 'recovery', epoch: 1 } : undefined;
  const ours = [...entries(1, 8), ...entries(9, 12, 3)];

  /** Two have committed others of term 2 behind the fifth; the third recovers with its own. */
  function recovered(): RaftBook {
    const book = new RaftBook({ recoveryIn: recovery, isPulling: () => false });
    for (const node of ['a', 'b']) {
      book.started(node, NOTHING, [...entries(1, 5), ...entries(6, 7, 2)]);
      book.committed(node, 7);
    }
    book.started('c', NOTHING, entries(1, 8));
    book.committed('c', 5);
    book.appended('c', 9, entries(9, 12, 3));
    return book;
  }

  it('may begin with a state of there, before anybody has called that committed', () => {
    const book = recovered();
    book.started('d', { index: 7 }, ours.slice(7), 'recovery');
    book.committed('d', 12);
    book.committed('c', 12);
    expect(book.branchOf('d').id).toBe('recovery');
  });

  it('may be opened again with a base that others have another entry at', () => {
    const book = recovered();
    book.committed('c', 12);
    book.started('d', { index: 7 }, ours.slice(7), 'recovery');
    book.committed('d', 10);
    book.reopened('d', { index: 7 }, ours.slice(7));
    book.committed('d', 12);
    expect(book.branchOf('d').id).toBe('recovery');
  });

  it('is another one than that of the state', () => {
    const book = recovered();
    const start = () => book.started('d', { index: 7 }, [...entries(8, 8), ...ours.slice(8)], '');
    expect(start).not.toThrow();
    expect(() => book.committed('d', 12)).toThrow();
  });
});

describe('what a node holds of what is committed', () => {
  it('is what its disk took of what it was to write', () => {
    const book = behind();
    const [all, failed] = [() => 1, (index: number) => (index < 6 ? 1 : undefined)];
    const branch = book.branchOf('b');
    expect([book.heldOf('b', branch, all), book.heldOf('b', branch, failed)]).toEqual([6, 5]);
    // An entry of another term is still there that was to be replaced.
    expect(book.heldOf('b', branch, (index) => (index < 6 ? 1 : 2))).toBe(5);
  });

  it('ends where it holds another log', () => {
    const book = behind();
    book.started('b', NOTHING, [...entries(1, 4), ...entries(5, 6, 2)]);
    expect(book.heldOf('b', book.branchOf('b'), (index) => (index < 5 ? 1 : 2))).toBe(4);
  });
});

describe('a log that is opened again', () => {
  it('may lack what was not committed', () => {
    const book = behind();
    book.reopened('b', NOTHING, entries(1, 5));
    expect(book.commitOf('b')).toBe(5);
    expect(() => book.truncated('b', 5)).toThrow('commit-never-back: b cuts 5, committed 5');
  });

  it('holds all that was', () => {
    const book = behind();
    expect(() => book.reopened('b', NOTHING, entries(1, 4))).toThrow('commit-is-held');
    const other = [...entries(1, 4), ...entries(5, 6, 2)];
    expect(() => behind().reopened('b', NOTHING, other)).toThrow('state-machine-safety');
  });

  it('may begin with a state whose installation is under way', () => {
    const book = behind();
    book.reopened('b', { index: 9, term: 1 }, []);
    book.committed('b', 6);
    book.reopened('b', { index: 9, term: 1 }, []);
    expect(() => book.committed('b', 5)).toThrow('commit-never-back: b goes from 6 to 5');
    book.committed('b', 9);
  });
});
