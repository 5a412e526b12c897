import { expect, it } from 'vitest';
import { MemoryLog } from '../../../storage/memory-log.ts';
import { RaftBook } from '../check/raft-book.ts';
import { watchedLog } from './watched-log.ts';

const record = (index: number, byte = index) => ({ index, term: 1, bytes: Uint8Array.of(byte) });

/** A log whose book knows entry 1 of another node; what the book did not agree with is gathered. */
async function watched() {
  const book = new RaftBook();
  book.started('a', { index: 0, term: 0 }, [record(1), record(2), record(3)]);
  book.committed('a', 3);
  const failures: string[] = [];
  const fail = (error: unknown): void => void failures.push(String(error));
  const log = watchedLog(new MemoryLog(), { book, node: 'b', branch: () => undefined, fail });
  await log.open();
  return { book, log, failures };
}

it('keeps what the book finds wrong from who writes: it would try again', async () => {
  const { log, failures } = await watched();
  await log.append([record(1, 7)]);
  expect(log.lastIndex).toBe(1);
  expect(failures).toEqual(['Violation: log-matching: b has another log up to 1/1']);
});

it('tells of a state that is installed, and of the log that is opened again', async () => {
  const { book, log, failures } = await watched();
  await log.append([record(1)]);
  book.committed('b', 1);
  await log.compactBefore(4);
  await log.close();
  await log.open();
  expect(book.lastOf('b')).toBe(3);
  // Not of the state yet, but no step back.
  book.committed('b', 1);
  book.committed('b', 3);
  expect(failures).toEqual([]);
});
