// Runs every bench of this folder, or those that are named, one after the other; prints a table of
// each and writes bench/results/<name>.json. Run: npm run bench [-- NAME…]
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { basename, join } from 'node:path';
import { isMet, printTable, type Report } from './lib/figure.ts';
import { writeResults } from './lib/results.ts';

const FOLDER = import.meta.dirname;

function allNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
    .map((file) => basename(file, '.ts'))
    .sort();
}

/** A bench has a process of its own, so that none sees the heap of another. */
async function runBench(name: string): Promise<Report> {
  const child = spawn(process.execPath, [join(FOLDER, `${name}.ts`), '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  if (code !== 0) throw new Error(`bench ${name} failed with exit ${code}`);
  return JSON.parse(text) as Report;
}

const names = process.argv.length > 2 ? process.argv.slice(2) : allNames();
const missed: string[] = [];
for (const name of names) {
  console.log(`\n${name} (load ${loadavg()[0]?.toFixed(1)})`);
  const report = await runBench(name);
  printTable(report.figures);
  for (const figure of report.figures) if (isMet(figure) === false) missed.push(figure.name);
  writeResults(name, report);
}
console.log(missed.length === 0 ? '\nnothing missed' : `\nmissed: ${missed.join('; ')}`);
