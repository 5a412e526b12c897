import { describe, expect, it } from 'vitest';
import { Writes } from '../../../../protocols/raft/log/writes.ts';

const entry = (index: number) => ({ index, term: 1, bytes: new Uint8Array() });

function writesWith(lastIndex: number, ...indices: readonly number[]): Writes {
  const writes = new Writes(lastIndex);
  for (const index of indices) writes.append(entry(index));
  return writes;
}

describe('Writes', () => {
  it('counts what is durable when the write ends', () => {
    const writes = writesWith(2, 3, 4);
    expect(writes.isPending).toBe(true);
    expect(writes.take(false).entries.map(({ index }) => index)).toEqual([3, 4]);
    expect([writes.isWriting, writes.isPending, writes.durableIndex]).toEqual([true, false, 2]);
    writes.append(entry(5));
    writes.persisted();
    expect([writes.isWriting, writes.durableIndex]).toEqual([false, 4]);
    expect(writes.take(false).entries.map(({ index }) => index)).toEqual([5]);
  });

  it('waits for no end when there is nothing to write', () => {
    const writes = new Writes(2);
    expect(writes.take(false)).toEqual({ truncateFrom: undefined, entries: [] });
    expect(writes.isWriting).toBe(false);
    writes.persisted();
    writes.take(true);
    expect(writes.isWriting).toBe(true);
    expect(() => writes.take(false)).toThrow('has not ended');
  });

  it('asks for no cut of what was never handed out', () => {
    const writes = writesWith(2, 3, 4, 5);
    writes.truncateFrom(4);
    writes.append(entry(4));
    const { truncateFrom, entries } = writes.take(false);
    expect([truncateFrom, entries.map(({ index }) => index)]).toEqual([undefined, [3, 4]]);
  });

  it('asks for the lowest of several cuts', () => {
    const writes = new Writes(5);
    writes.truncateFrom(4);
    writes.append(entry(4));
    writes.truncateFrom(2);
    writes.append(entry(2));
    expect(writes.durableIndex).toBe(1);
    const { truncateFrom, entries } = writes.take(false);
    expect([truncateFrom, entries.map(({ index }) => index)]).toEqual([2, [2]]);
    writes.persisted();
    expect(writes.durableIndex).toBe(2);
  });

  it('never counts what is cut while it is written', () => {
    const writes = writesWith(0, 1, 2, 3);
    writes.take(false);
    writes.truncateFrom(2);
    writes.append(entry(2));
    writes.append(entry(3));
    writes.persisted();
    expect(writes.durableIndex).toBe(1);
    expect(writes.take(false).truncateFrom).toBe(2);
    writes.persisted();
    expect(writes.durableIndex).toBe(3);
  });

  it('begins anew behind a state, or keeps what stands behind it', () => {
    const anew = writesWith(4, 5);
    anew.take(false);
    anew.append(entry(6));
    anew.restore(9, false);
    anew.persisted();
    expect([anew.durableIndex, anew.isPending]).toEqual([9, false]);
    const kept = writesWith(4, 5, 6);
    kept.restore(5, true);
    expect([kept.durableIndex, kept.take(false).entries.length]).toEqual([5, 1]);
  });

  it('cuts nothing before a state: the log begins behind that', () => {
    const writes = new Writes(6);
    writes.truncateFrom(3);
    for (const index of [3, 4, 5]) writes.append(entry(index));
    writes.restore(4, true);
    const { truncateFrom, entries } = writes.take(false);
    expect([truncateFrom, entries.map(({ index }) => index)]).toEqual([undefined, [5]]);
    const behind = new Writes(6);
    behind.truncateFrom(5);
    behind.restore(4, true);
    expect(behind.take(false).truncateFrom).toBe(5);
  });
});
