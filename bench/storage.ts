// How long it takes until something is on the disk: the segment log with 1 and 64 concurrent
// appenders, LevelDB with synced puts, beside a plain append and fdatasync.
// `node bench/storage.ts [--json] [--dir DIRECTORY]`. Run it on the disk that the home will be on.
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLogger } from '../protocols/interface/index.ts';
import { LevelStore } from '../storage/level-store.ts';
import { SegmentLog } from '../storage/segment-log.ts';
import { type Figure, print } from './lib/figure.ts';

const { values: flags } = parseArgs({
  options: { json: { type: 'boolean', default: false }, dir: { type: 'string' } },
});

const PAYLOAD_BYTES = 256;
const WARM_UP = 200;
const payload = new Uint8Array(PAYLOAD_BYTES).fill(7);

interface Row {
  readonly name: string;
  readonly writers: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

/** Calls `write` `count` times from `writers` loops and measures each call. */
async function measure(
  name: string,
  { writers, count }: { readonly writers: number; readonly count: number },
  write: () => Promise<void>,
): Promise<Row> {
  for (let i = 0; i < WARM_UP; i++) await write();
  const times: number[] = [];
  let left = count;
  const loop = async (): Promise<void> => {
    while (left-- > 0) {
      const begin = performance.now();
      await write();
      times.push(performance.now() - begin);
    }
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: writers }, loop));
  const seconds = (performance.now() - begin) / 1000;
  times.sort((a, b) => a - b);
  const at = (part: number): number => round(times[Math.floor(times.length * part)] ?? 0);
  const perSecond = Math.round(count / seconds);
  return { name, writers, perSecond, p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** The floor: a file that grows, one write and one fdatasync at a time. */
async function benchPlain(path: string): Promise<Row[]> {
  const file = await open(path, 'a');
  const write = async (): Promise<void> => {
    await file.write(payload);
    await file.datasync();
  };
  const row = await measure('plain append + fdatasync', { writers: 1, count: 5_000 }, write);
  await file.close();
  return [row];
}

async function benchLog(directory: string): Promise<Row[]> {
  const log = new SegmentLog({ logger: silentLogger }, { directory });
  await log.open();
  let index = log.lastIndex;
  const write = (): Promise<void> => log.append([{ index: ++index, term: 1, bytes: payload }]);
  const rows = [
    await measure('log append + fdatasync', { writers: 1, count: 5_000 }, write),
    await measure('log append + fdatasync', { writers: 64, count: 100_000 }, write),
  ];
  await log.close();
  const begin = performance.now();
  await log.open();
  const p50Ms = round(performance.now() - begin);
  const perSecond = Math.round((index / p50Ms) * 1000);
  await log.close();
  return [
    ...rows,
    { name: `log open, ${index} entries`, writers: 1, perSecond, p50Ms, p99Ms: p50Ms },
  ];
}

async function benchStore(directory: string): Promise<Row[]> {
  const store = new LevelStore({}, { directory });
  await store.open();
  let number = 0;
  const write = (): Promise<void> => {
    const key = String(++number).padStart(16, '0');
    return store.batch([{ namespace: 'outbox', key, value: payload }], { sync: true });
  };
  const rows = [
    await measure('LevelDB sync put', { writers: 1, count: 5_000 }, write),
    await measure('LevelDB sync put', { writers: 64, count: 50_000 }, write),
  ];
  await store.close();
  return rows;
}

function figureOfRow({ name, writers, perSecond, p50Ms, p99Ms }: Row): Figure {
  const note = `p50 ${p50Ms} ms, p99 ${p99Ms} ms`;
  return { name: `${name}, ${writers} at once`, value: perSecond, unit: '/s', note };
}

const root = await mkdtemp(join(flags.dir ?? tmpdir(), 'cooee-bench-'));
try {
  const rows = [
    ...(await benchPlain(join(root, 'plain'))),
    ...(await benchLog(join(root, 'log'))),
    ...(await benchStore(join(root, 'store'))),
  ];
  print({ bench: 'storage', figures: rows.map(figureOfRow) });
} finally {
  await rm(root, { recursive: true, force: true });
}
