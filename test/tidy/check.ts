/**
 * The parts of `npm run check` that need nothing of each other, side by side: while the tests wait
 * for timers and disks the others compute. Each goes to its end, so that one run tells all.
 */
import { spawn } from 'node:child_process';

const PARTS = {
  types: 'npm run --silent types',
  lint: 'npm run --silent lint',
  tests: 'vitest run --project tidy --project unit',
} as const;

/** Runs a command; tells what it said in one piece when it is over. Gives whether all was well. */
async function run(command: string): Promise<boolean> {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => said.push(bytes));
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  process.stdout.write(Buffer.concat(said));
  return status === 0;
}

const failed: string[] = [];
await Promise.all(
  Object.entries(PARTS).map(async ([name, command]) => {
    if (!(await run(command))) failed.push(name);
  }),
);
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
