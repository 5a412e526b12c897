import type { HardState, LogRecord, LogStore } from '../../../protocols/interface/index.ts';
import type { RaftBook } from '../check/raft-book.ts';

/** Whose log it is. */
export interface WatchInit {
  readonly node: string;
  /** The branch that it goes on in behind a state that it fetched; undefined while it starts. */
  readonly branch: () => string | undefined;
  /** What is committed, as far as it knows: that stays so when it only opens its log again. */
  readonly commit: () => number;
}

/** Tells the book what a node does to its log, as it asks its disk for it. */
export function watchedLog(log: LogStore, book: RaftBook, init: WatchInit): LogStore {
  const { node, branch, commit } = init;
  const tellAll = async (): Promise<void> => {
    const { firstIndex } = log;
    const records = await log.read(firstIndex, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE);
    book.started(node, { index: firstIndex - 1 }, records, branch());
    const known = Math.min(commit(), log.lastIndex);
    if (known >= firstIndex) book.committed(node, known);
  };
  const open: LogStore['open'] = async () => {
    const recovery = await log.open();
    await tellAll();
    return recovery;
  };
  const append = (records: readonly LogRecord[], hardState?: HardState): Promise<void> => {
    if (log.status === 'open') book.appended(node, records[0]?.index ?? 0, records);
    return log.append(records, hardState);
  };
  const truncateFrom = (from: number): Promise<void> => {
    if (log.status === 'open' && from <= book.lastOf(node)) book.truncated(node, from);
    return log.truncateFrom(from);
  };
  const compactBefore = async (before: number): Promise<void> => {
    const isBeyond = before > log.lastIndex + 1;
    await log.compactBefore(before);
    if (isBeyond) await tellAll();
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
