import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Skip } from './engine/find.ts';
import { runTestnet, type TestnetReport } from './run/testnet.ts';

// The mesh of docker-compose.yml under faults: `npm run testnet -- --minutes 10 --seed 7`.
// docs/testnet.md.

const SHORT_MINUTES = '1.5';
/** With these kinds of faults its plan has nearly all of them within the short form. */
const SEED = '352';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: SHORT_MINUTES },
    seed: { type: 'string', default: SEED },
    out: { type: 'string', default: 'testnet-out' },
    figures: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});

const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  throw new Error('--minutes is a number above 0, --seed a whole one');
}
const repo = resolve(import.meta.dirname, '../..');
const out = resolve(values.out);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
}
process.exitCode = await main();

async function main(): Promise<number> {
  for (const name of ['history.jsonl', 'check.txt']) rmSync(resolve(out, name), { force: true });
  try {
    const report = await runTestnet({
      repo,
      seed,
      durationMs: minutes * 60_000,
      out,
      isMeasured: values.figures,
      isKept: values.keep,
      signal: interrupted.signal,
      say: (text) => console.log(text),
    });
    tell(report);
    if (report.problems.length === 0) return 0;
  } catch (error) {
    if (error instanceof Skip) {
      console.log(`SKIP testnet: ${error.message}`);
      return 0;
    }
    console.error(error);
  }
  console.error(`testnet FAILED, seed ${seed}; history and logs are in ${out}`);
  console.error(`again: npm run testnet -- --minutes ${values.minutes} --seed ${seed}`);
  return 1;
}

function tell({ problems, figures, played, skipped, stats, counts }: TestnetReport): void {
  console.log('\nfaults', Object.fromEntries(played.counts), 'skipped', Object.keys(skipped));
  console.log('clients', stats);
  console.log('checked', counts);
  for (const { what, wanted, measured, isMet } of figures) {
    const mark = isMet === false ? 'missed' : 'met';
    console.log(`${what.padEnd(52)} ${wanted.padEnd(20)} ${mark.padEnd(7)} ${measured}`);
  }
  for (const problem of problems) console.error(`\nPROBLEM ${problem}`);
  console.log(
    problems.length === 0 ? `\nseed ${seed}: all holds` : `\n${problems.length} problems`,
  );
}
