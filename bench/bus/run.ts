// What agents and people feel of the bus: handing in, calling, reading, watching, and all of that
// beside a member that floods. `npm run bench:bus -- [--short] [--only NAME,…]`; writes
// bench/results/bus.json.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type Figure, isMet, printTable } from '../lib/figure.ts';
import { writeResults } from '../lib/results.ts';
import { benchCalls } from './calls.ts';
import { benchFloods } from './floods.ts';
import { benchRecords } from './records.ts';
import { benchSubmissions } from './submissions.ts';
import { benchWatchers } from './watchers.ts';

/** One part of the bench. `isShort`: only to see that it works. */
type Bench = (isShort: boolean) => Promise<readonly Figure[]>;

const BENCHES: Readonly<Record<string, Bench>> = {
  submissions: benchSubmissions,
  calls: benchCalls,
  records: benchRecords,
  watchers: benchWatchers,
  floods: benchFloods,
};

const { values: flags } = parseArgs({
  options: { short: { type: 'boolean', default: false }, only: { type: 'string' } },
});

const figures: Figure[] = [];
const failed: string[] = [];
for (const name of flags.only?.split(',') ?? Object.keys(BENCHES)) {
  const bench = BENCHES[name];
  if (bench === undefined) throw new Error(`no bench ${name}; there are ${Object.keys(BENCHES)}`);
  console.log(`\n${name} (load ${loadavg()[0]?.toFixed(1)})`);
  try {
    const found = await bench(flags.short);
    printTable(found);
    figures.push(...found);
  } catch (error) {
    console.error(error);
    failed.push(name);
  }
}

writeResults('bus', { bench: 'bus', isShort: flags.short, failed, figures });
const missed = figures.filter((figure) => isMet(figure) === false).map(({ name }) => name);
console.log(missed.length === 0 ? '\nnothing missed' : `\nmissed: ${missed.join('; ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
