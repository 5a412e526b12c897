import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Four projects, so that `npm run check` can run the fast ones alone: tidy (the repo checks
// itself), unit (pure and fast), sim (a whole cluster on imagined time, network and disk), mesh
// (real processes; strangers and garbage). Time-outs only bound hanging: a slow machine is no
// failure.
export default defineConfig({
  test: {
    // Left to itself vitest keeps a core free, which on two cores is half of them.
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      {
        test: {
          name: 'tidy',
          include: ['test/tidy.test.ts', 'test/docs.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // Files share their modules: loading them anew for each would take half of the time.
          isolate: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // For the programs that tests start: each would compile the same sources anew.
          env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compile') },
          // A test that expects nothing, or whose expectations never ran, is none.
          expect: { poll: { timeout: 30_000 }, requireAssertions: true },
        },
      },
      { test: { name: 'sim', include: ['test/sim/**/*.test.ts'] } },
      {
        test: {
          name: 'mesh',
          include: ['test/mesh/**/*.test.ts', 'test/hostile/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
