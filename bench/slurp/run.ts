// The log of three voters under load, killed, frozen, started; beside etcd where it is installed.
// `npm run bench:slurp -- [--short] [--long] [--no-etcd] [--only NAME,…]`; writes
// bench/results/slurp.json.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type Comparison, isKept, printComparisons, ratioOf } from '../lib/comparison.ts';
import { writeResults } from '../lib/results.ts';
import { benchBare } from './bare/bench.ts';
import { benchCatchUp } from './catch-up.ts';
import { etcdVersion } from './cluster/etcd.ts';
import { benchColdStart } from './cold-start.ts';
import { benchCommit } from './commit.ts';
import { benchCpu } from './cpu.ts';
import { benchElections, benchMemory } from './endurance.ts';
import { benchFailover } from './failover.ts';
import { benchFsyncs } from './fsyncs.ts';
import type { Setting } from './setting.ts';

const BENCHES: Readonly<Record<string, (setting: Setting) => Promise<Comparison[]>>> = {
  commit: benchCommit,
  bare: benchBare,
  cpu: benchCpu,
  failover: benchFailover,
  start: benchColdStart,
  fsyncs: benchFsyncs,
  'catch-up': benchCatchUp,
  elections: benchElections,
  memory: benchMemory,
};

const { values: flags } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    'no-etcd': { type: 'boolean', default: false },
    only: { type: 'string' },
    voters: { type: 'string', default: '3' },
  },
});

const version = flags['no-etcd'] ? undefined : etcdVersion();
const peer = version === undefined ? 'no etcd' : `etcd ${version}`;
const setting: Setting = {
  isShort: flags.short,
  isLong: flags.long,
  hasEtcd: version !== undefined,
  voters: Number(flags.voters),
};
if (version === undefined) {
  console.log('Without etcd: no ratios (Debian has it in etcd-server, which need not be running).');
}

const rows: Comparison[] = [];
const failed: string[] = [];
for (const name of flags.only?.split(',') ?? Object.keys(BENCHES)) {
  const bench = BENCHES[name];
  if (bench === undefined) throw new Error(`no bench ${name}; there are ${Object.keys(BENCHES)}`);
  console.log(`\n${name} (load ${loadavg()[0]?.toFixed(1)})`);
  try {
    const found = await bench(setting);
    printComparisons(found, peer);
    rows.push(...found);
  } catch (error) {
    console.error(error);
    failed.push(name);
  }
}

const figures = rows.map((row) => ({ ...row, ratio: ratioOf(row) ?? null }));
writeResults('slurp', { bench: 'slurp', peer, setting, failed, figures });
const missed = (what: 'aim' | 'floor'): string[] =>
  rows.filter((row) => isKept(row, row[what]) === false).map(({ name }) => name);
console.log(`\nmissed floors: ${missed('floor').join('; ') || 'none'}`);
console.log(`missed aims: ${missed('aim').join('; ') || 'none'}`);
if (failed.length > 0) {
  console.error(`not measured, failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
