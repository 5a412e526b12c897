/** One line of a bench's table. */
export interface Figure {
  readonly name: string;
  /** The median of the runs, when there are several. */
  readonly value: number;
  readonly unit: string;
  /** What is asked for: at most or at least so much. */
  readonly wanted?: { readonly atMost: number } | { readonly atLeast: number };
  /** Every run, in order. */
  readonly runs?: readonly number[];
  /** What it was measured against in the same run, or what else there is to know. */
  readonly note?: string;
}

/** What one bench found out. */
export interface Report {
  readonly bench: string;
  readonly figures: readonly Figure[];
}

/** Whether a figure is what was asked for; undefined when nothing was. */
export function isMet({ value, wanted }: Figure): boolean | undefined {
  if (wanted === undefined) return undefined;
  return 'atMost' in wanted ? value <= wanted.atMost : value >= wanted.atLeast;
}

/** A figure from several runs. */
export function figureOf(
  name: string,
  runs: readonly number[],
  rest: Omit<Figure, 'name' | 'runs' | 'value'>,
): Figure {
  return { name, value: median(runs), ...rest, runs: runs.map(rounded) };
}

/** Prints the report as the caller of the script asked for it. */
export function print(report: Report): void {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify(report, null, 2));
    return;
  }
  printTable(report.figures);
}

/** A table for people. */
export function printTable(figures: readonly Figure[]): void {
  console.table(
    figures.map((figure) => ({
      figure: figure.name,
      measured: `${rounded(figure.value).toLocaleString('en')} ${figure.unit}`,
      wanted: wantedText(figure),
      met: isMet(figure) === undefined ? '' : isMet(figure) ? 'yes' : 'NO',
      runs: figure.runs === undefined || figure.runs.length < 2 ? '' : figure.runs.join(' '),
      note: figure.note ?? '',
    })),
  );
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which that part of the values lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * part));
  return sorted[at] ?? Number.NaN;
}

/** Three digits are more than these machines repeat. */
export function rounded(value: number): number {
  return Number(value.toPrecision(value >= 1000 ? 6 : 3));
}

function wantedText({ wanted, unit }: Figure): string {
  if (wanted === undefined) return '';
  const [sign, value] = 'atMost' in wanted ? ['≤', wanted.atMost] : ['≥', wanted.atLeast];
  return `${sign} ${value.toLocaleString('en')} ${unit}`;
}
