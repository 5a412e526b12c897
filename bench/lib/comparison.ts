import { median, rounded } from './figure.ts';

/** What is asked for: of the figure itself, or of its ratio to the peer's. */
export interface Bound {
  readonly of?: 'figure' | 'ratio';
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** One line of a table that sets ours beside a peer. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** Absent when there is no peer, or nothing of it to measure. */
  readonly peer?: number;
  /** Missing it is a defect. */
  readonly floor?: Bound;
  /** What is aimed at. */
  readonly aim?: Bound;
  /** Every run, in order. */
  readonly ourRuns?: readonly number[];
  readonly peerRuns?: readonly number[];
  readonly note?: string;
}

/** A comparison of the medians of several runs. */
export function comparisonOf(
  name: string,
  runs: { readonly ours: readonly number[]; readonly peer: readonly number[] },
  rest: Omit<Comparison, 'name' | 'ours' | 'ourRuns' | 'peer' | 'peerRuns'>,
): Comparison {
  const peer = runs.peer.length === 0 ? {} : { peer: median(runs.peer) };
  const ourRuns = runs.ours.map(rounded);
  const peerRuns = runs.peer.map(rounded);
  return { name, ours: median(runs.ours), ...peer, ...rest, ourRuns, peerRuns };
}

/** Whether the bound is kept; undefined when there is none, or no peer to be held against. */
export function isKept(row: Comparison, bound: Bound | undefined): boolean | undefined {
  const value = bound?.of === 'ratio' ? ratioOf(row) : row.ours;
  if (bound === undefined || value === undefined) return undefined;
  return value <= (bound.atMost ?? Number.POSITIVE_INFINITY) && value >= (bound.atLeast ?? 0);
}

/** Ours by the peer's; undefined when there is nothing to divide by. */
export function ratioOf({ ours, peer }: Comparison): number | undefined {
  return peer === undefined || peer === 0 ? undefined : ours / peer;
}

/** A table for people. */
export function printComparisons(rows: readonly Comparison[], peer: string): void {
  console.table(
    rows.map((row) => ({
      figure: row.name,
      ours: `${rounded(row.ours).toLocaleString('en')} ${row.unit}`.trim(),
      [peer]: row.peer === undefined ? '' : rounded(row.peer).toLocaleString('en'),
      ratio: ratioOf(row)?.toFixed(2) ?? '',
      floor: verdict(row, row.floor),
      aim: verdict(row, row.aim),
      runs: [row.ourRuns, row.peerRuns]
        .flatMap((runs) => (runs === undefined || runs.length === 0 ? [] : [runs.join(' ')]))
        .join(' | '),
      note: row.note ?? '',
    })),
  );
}

function verdict(row: Comparison, bound: Bound | undefined): string {
  if (bound === undefined) return '';
  const what = bound.of === 'ratio' ? 'ratio ' : '';
  const text =
    bound.atMost === undefined ? `${what}≥ ${bound.atLeast}` : `${what}≤ ${bound.atMost}`;
  const kept = isKept(row, bound);
  return `${text} ${kept === undefined ? '(no peer)' : kept ? 'yes' : 'NO'}`;
}
