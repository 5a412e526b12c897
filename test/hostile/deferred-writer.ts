// Defers writes to a store until it kills itself: `node deferred-writer.ts DIRECTORY POINT COUNT`,
// at the COUNTth passing of the point. Write N goes with `mark` = N; now and then a batch has the
// number of the write before it. Out: `ack N` after each such batch.
import { systemClock } from '../../daemon/system/clock.ts';
import type { Faults } from '../../storage/faults.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { payload } from './storage-payload.ts';

const [directory, deadlyPoint, deadlyCount] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: deferred-writer.ts DIRECTORY POINT COUNT');
let hits = 0;
const faults: Faults = {
  hit: (point) => {
    if (point !== deadlyPoint || ++hits < Number(deadlyCount)) return;
    process.kill(process.pid, 'SIGKILL');
  },
};
const store = new LevelStore({ faults, clock: systemClock }, { directory });
await store.open();

const BATCH_EVERY = 7;
for (let n = 1; ; n++) {
  const mark = new TextEncoder().encode(String(n));
  void store.defer([
    { namespace: 'state', key: `k${n}`, value: payload(n) },
    { namespace: 'meta', key: 'mark', value: mark },
  ]);
  // Long rows of deferred writes without a batch, too: those go by themselves.
  const isBatchDue = n % BATCH_EVERY === 0 && n % 1_000 < 500;
  if (isBatchDue) {
    await store.batch([{ namespace: 'outbox', key: `b${n}`, value: mark }]);
    process.stdout.write(`ack ${n}\n`);
  } else await new Promise(setImmediate);
}
