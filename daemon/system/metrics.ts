import type { MetricLabels, Metrics } from '../../protocols/interface/index.ts';

/**
 * Series that are kept: labels have bounded sets of values, so more than this is a bug, not load.
 */
const SERIES_MAX = 10_000;

interface Series {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly labels: string;
  value: number;
}

/** Counters and gauges in memory, read out in the Prometheus text format (version 0.0.4). */
export class MetricsBook implements Metrics {
  readonly #series = new Map<string, Series>();
  readonly #readers: (() => void)[] = [];

  count(name: string, labels: MetricLabels = {}, by = 1): void {
    const series = this.#get(name, 'counter', labels);
    if (series !== undefined) series.value += by;
  }

  gauge(name: string, value: number, labels: MetricLabels = {}): void {
    const series = this.#get(name, 'gauge', labels);
    if (series !== undefined) series.value = value;
  }

  read(name: string, labels: MetricLabels = {}): number {
    return this.#series.get(name + format(labels))?.value ?? 0;
  }

  /** Calls `bringUp` before each reading: for gauges that are worth measuring only then. */
  onRead(bringUp: () => void): void {
    this.#readers.push(bringUp);
  }

  /** Everything, sorted by name. */
  text(): string {
    for (const bringUp of this.#readers) bringUp();
    const lines: string[] = [];
    let last = '';
    const sorted = [...this.#series.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [, { name, kind, labels, value }] of sorted) {
      if (name !== last) lines.push(`# TYPE ${name} ${kind}`);
      last = name;
      lines.push(`${name}${labels} ${value}`);
    }
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }

  #get(name: string, kind: Series['kind'], labels: MetricLabels): Series | undefined {
    const text = format(labels);
    const key = name + text;
    let series = this.#series.get(key);
    if (series === undefined && this.#series.size < SERIES_MAX) {
      series = { name, kind, labels: text, value: 0 };
      this.#series.set(key, series);
    }
    return series;
  }
}

function format(labels: MetricLabels): string {
  const names = Object.keys(labels).sort();
  if (names.length === 0) return '';
  return `{${names.map((name) => `${name}="${escapeLabel(labels[name] ?? '')}"`).join(',')}}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
