import { parseArgs } from 'node:util';
import { hunt } from './run/hunt.ts';
import { MUTATIONS } from './run/mutations.ts';

// Shows that the net catches fish: `npm run sim -- ...` finds each fault that is put in on purpose.

const { values } = parseArgs({
  options: {
    name: { type: 'string' },
    part: { type: 'string' },
    seeds: { type: 'string', default: '300' },
  },
});

let missed = 0;
for (const mutation of MUTATIONS) {
  if (values.name !== undefined && values.name !== mutation.name) continue;
  if (values.part !== undefined && values.part !== mutation.part) continue;
  const found = await hunt(mutation, Number(values.seeds));
  if (found.failure === undefined) missed++;
  const text = found.failure?.message.split('\n')[0] ?? 'not found';
  console.log(`${mutation.name}: ${found.seeds} seeds, ${Math.round(found.ms)} ms: ${text}`);
}
process.exitCode = missed === 0 ? 0 : 1;
