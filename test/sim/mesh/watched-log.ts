import type { HardState, LogRecord, LogStore } from '../../../protocols/interface/index.ts';
import type { RaftBook } from '../check/raft-book.ts';

/** Whose log it is, and who is told of it. */
export interface LogWatch {
  readonly book: RaftBook;
  readonly node: string;
  /** The branch of a state that it fetched, at an index; undefined while it starts. */
  readonly branch: (index: number) => string | undefined;
  /**
   * Called with what the book does not agree with. To the product, which would take it for a fault
   * of its disk and try again, it must not get.
   */
  readonly fail: (error: unknown) => void;
}

/** Tells the book what a program does to its log, as it asks its disk for it. */
export function watchedLog(log: LogStore, { book, node, branch, fail }: LogWatch): LogStore {
  let isStarted = false;
  const guard = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      fail(error);
    }
  };
  const tellAll = async (how: 'reopened' | 'restored' | 'started'): Promise<void> => {
    const { firstIndex } = log;
    const records = await log.read(firstIndex, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE);
    const index = firstIndex - 1;
    guard(() => book[how](node, { index }, records, branch(index)));
  };
  const open: LogStore['open'] = async () => {
    const recovery = await log.open();
    await tellAll(isStarted ? 'reopened' : 'started');
    isStarted = true;
    return recovery;
  };
  const append = (records: readonly LogRecord[], hardState?: HardState): Promise<void> => {
    const first = records[0]?.index ?? 0;
    if (log.status === 'open') guard(() => book.appended(node, first, records));
    return log.append(records, hardState);
  };
  const truncateFrom = (from: number): Promise<void> => {
    const isWrite = log.status === 'open' && from <= book.lastOf(node);
    if (isWrite) guard(() => book.truncated(node, from));
    return log.truncateFrom(from);
  };
  const compactBefore = async (before: number): Promise<void> => {
    const isBeyond = before > log.lastIndex + 1;
    await log.compactBefore(before);
    if (isBeyond) await tellAll('restored');
  };
  const own = { open, append, truncateFrom, compactBefore };
  return new Proxy(log, {
    get: (target, name) => {
      if (name in own) return own[name as keyof typeof own];
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
