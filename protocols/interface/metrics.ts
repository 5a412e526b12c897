/**
 * Labels of one time series. Bounded sets of values only: never a peer id, never text from outside.
 */
export type MetricLabels = Readonly<Record<string, string>>;

/** Counters and gauges; names are `cooee_<folder>_<what>_<unit>`, counters end in `_total`. */
export interface Metrics {
  /** Adds `by` (default 1) to a counter. */
  count(name: string, labels?: MetricLabels, by?: number): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: MetricLabels): void;
  /** The present value of a counter or gauge; 0 when it was never touched. */
  read(name: string, labels?: MetricLabels): number;
}
