// Writes to a store until it is killed, and says what was acknowledged: `node storage-writer.ts
// log|store|file DIRECTORY [POINT COUNT]`; with POINT it kills itself there, the COUNTth time. Out:
// `ack N` after each acknowledged write, `full N CODE FATAL` when the disk is full. In: a line when
// there is room.
import { createInterface } from 'node:readline';
import { isCooeeError, silentLogger } from '../../protocols/interface/index.ts';
import type { Faults } from '../../storage/faults.ts';
import { FolderFiles } from '../../storage/files/folder-files.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { SegmentLog } from '../../storage/segment-log.ts';
import { FILES_KEPT, payload, SEGMENT_BYTES, voteIn, WRITERS_MAX } from './storage-payload.ts';

const [kind, directory, deadlyPoint, deadlyCount] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: storage-writer.ts KIND DIRECTORY');
let hits = 0;
const faults: Faults = {
  hit: (point) => {
    if (point !== deadlyPoint || ++hits < Number(deadlyCount)) return;
    process.kill(process.pid, 'SIGKILL');
  },
};
const log = new SegmentLog(
  { logger: silentLogger, faults },
  { directory, segmentBytes: SEGMENT_BYTES },
);
const store = new LevelStore({ faults }, { directory });
const files = new FolderFiles({ faults }, { directory });
const target = kind === 'log' ? log : kind === 'file' ? files : store;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** As a snapshot is: a draft in pieces, named, synced; then an older one goes. */
const writeFile = async (n: number): Promise<void> => {
  const [draft, name] = [`draft-${n}`, `f${n}`];
  for (const piece of [payload(n).subarray(0, 1_000), payload(n).subarray(1_000)]) {
    await files.append(draft, piece);
  }
  await files.finish(draft, name);
  await files.sync(name);
  await files.read(name, 0, 1);
  if (n > FILES_KEPT) await files.remove(`f${n - FILES_KEPT}`);
};

const write = async (n: number): Promise<void> => {
  if (kind === 'file') await writeFile(n);
  else if (kind === 'log') {
    await Promise.all([
      log.append([{ index: n, term: 1, bytes: payload(n) }], { ...voteIn(n), commit: n - 1 }),
      log.mark('seat-out', n),
    ]);
  } else
    await store.batch([{ namespace: 'state', key: `k${n}`, value: payload(n) }], { sync: true });
};

await target.open();
// Several at once, as in a daemon: what waits behind a failed write must not be acknowledged.
for (let next = kind === 'log' ? log.lastIndex + 1 : 1; ; ) {
  const numbers = Array.from({ length: WRITERS_MAX }, (_, i) => next + i);
  const results = await Promise.allSettled(
    numbers.map(async (n) => {
      await write(n);
      process.stdout.write(`ack ${n}\n`);
    }),
  );
  next += WRITERS_MAX;
  if (deadlyPoint === 'log:unlink' && next % 400 < WRITERS_MAX) await log.compactBefore(next - 300);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) continue;
  if (!isCooeeError(failed.reason)) throw failed.reason;
  process.stdout.write(
    `full ${next} ${failed.reason.code} ${String(failed.reason.details['fatal'] ?? false)}\n`,
  );
  await lines.next();
  await target.open();
  if (kind === 'log') next = log.lastIndex + 1;
}
