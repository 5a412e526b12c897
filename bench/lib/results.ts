import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

const RESULTS = join(import.meta.dirname, '../results');

/** What the figures were measured on. */
const MACHINE = {
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryMb: Math.round(totalmem() / 1e6),
};

/** Writes `bench/results/<name>.json`: the report, and the machine. */
export function writeResults(name: string, report: object): void {
  mkdirSync(RESULTS, { recursive: true });
  const text = JSON.stringify({ ...report, machine: MACHINE }, null, 2);
  writeFileSync(join(RESULTS, `${name}.json`), `${text}\n`);
}
