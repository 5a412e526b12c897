import { describe, expect, it } from 'vitest';
import { HealthBook } from '../../../../../daemon/system/health.ts';
import { silentLogger } from '../../../../../protocols/interface/index.ts';
import {
  type ForkPlace,
  ForkProof,
} from '../../../../../protocols/slurp/heads/known/fork-proof.ts';
import { decodeHead } from '../../../../../protocols/slurp/index.ts';
import { headBy, names, some } from '../voters.ts';

const kept = (signers: readonly number[], fill: number) => {
  const root = new Uint8Array(32).fill(fill);
  const bytes = headBy(some(...signers), { index: 9, root, by: some(1, 2, 3) });
  return { bytes, signed: decodeHead(bytes) };
};

/** What is told of a fork that 2 and 3 made: of those heads each has a majority. */
function forked() {
  const health = new HealthBook(silentLogger);
  const removed = new Set<string>();
  const gauges = new Map<string, number>();
  const state = {
    get: (_table: string, peer: string) => ({ removedIndex: removed.has(peer) ? 12 : null }),
  };
  const metrics = { gauge: (name: string, value: number) => void gauges.set(name, value) };
  const place = { health, state, metrics } as unknown as ForkPlace;
  const fork = new ForkProof();
  const told = (epoch = 0) => {
    fork.tell({ ...place, epoch });
    return [health.list().map(({ text }) => text), gauges.get('cooee_slurp_forked')];
  };
  return { fork, removed, told };
}

describe('two heads that contradict each other', () => {
  it('names who signed both, and is over when they are out or another epoch began', async () => {
    const { fork, removed, told } = forked();
    expect(told()).toEqual([[], undefined]);
    const store = { keepHeads: async () => undefined };
    await fork.keep(store, { ours: kept([1, 2, 3], 1), theirs: kept([2, 3], 2) });
    const [first = '', second = ''] = names(some(2, 3)).sort();
    const text = `Two different heads were signed at index 9, both by ${first}, ${second}.`;
    expect(told()).toEqual([[text], 1]);
    removed.add(first);
    expect(told()[1]).toBe(1);
    removed.add(second);
    expect(told()).toEqual([[], 0]);
    removed.clear();
    expect(told()[1]).toBe(1);
    expect(told(1)).toEqual([[], 0]);
  });

  it('takes the next pair when the first says nothing any more', async () => {
    const { fork, removed, told } = forked();
    const written: object[] = [];
    const store = { keepHeads: async (pair: object) => void written.push(pair) };
    await fork.keep(store, { ours: kept([1, 2], 1), theirs: kept([2, 3], 2) });
    const [two = '', one = ''] = names(some(2, 1));
    removed.add(two);
    expect(told()[1]).toBe(0);
    const [ours, theirs] = [kept([1, 3], 1), kept([1, 2], 2)];
    await fork.keep(store, { ours, theirs });
    expect(written.at(-1)).toEqual({ 'fork-ours': ours.bytes, 'fork-theirs': theirs.bytes });
    expect(told()).toEqual([[`Two different heads were signed at index 9, both by ${one}.`], 1]);
  });

  it('keeps the first pair, also when the disk took it only later', async () => {
    const { fork, told } = forked();
    const written: object[] = [];
    let isFull = true;
    const store = {
      keepHeads: async (pair: object) => {
        if (isFull) throw new Error('no room');
        written.push(pair);
      },
    };
    const [ours, theirs] = [kept([1, 2], 1), kept([2, 3], 2)];
    await expect(fork.keep(store, { ours, theirs })).rejects.toThrow('no room');
    expect(told()[1]).toBe(1);
    isFull = false;
    await fork.keep(store, { ours: theirs, theirs: ours });
    await fork.keep(store, { ours: theirs, theirs: ours });
    expect(written).toEqual([{ 'fork-ours': ours.bytes, 'fork-theirs': theirs.bytes }]);
  });
});
