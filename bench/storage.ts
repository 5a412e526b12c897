// How long it takes until something is on the disk: the segment log with 1 and 64 concurrent
// appenders, LevelDB with synced puts, beside a plain append and fdatasync; and the longest append
// while segments begin, and while many are dropped.
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

/** Three segments are filled one append at a time; then all but the last of many are dropped. */
async function benchLongest(directory: string): Promise<Figure[]> {
  const log = new SegmentLog({ logger: silentLogger }, { directory });
  await log.open();
  let index = log.lastIndex;
  const next = (bytes: number) => ({ index: ++index, term: 1, bytes: new Uint8Array(bytes) });
  const longest = async (isOver: () => boolean): Promise<number> => {
    let longestMs = 0;
    while (!isOver()) {
      const begin = performance.now();
      await log.append([next(1024)]);
      longestMs = Math.max(longestMs, performance.now() - begin);
    }
    return longestMs;
  };
  const rolledMs = await longest(() => index >= 24_000);
  for (let batch = 0; batch < 256; batch++) {
    await log.append(Array.from({ length: 32 }, () => next(16 * 1024)));
  }
  let isDropped = false;
  const droppedMs = Promise.all([
    longest(() => isDropped),
    log.compactBefore(index).finally(() => {
      isDropped = true;
    }),
  ]);
  const ms = { unit: 'ms', note: 'of 1 KiB, one at a time' };
  const figures = [
    { name: 'log, the longest append of 24,000 in three segments', value: rolledMs, ...ms },
    { name: 'log, the longest while 19 segments are dropped', value: (await droppedMs)[0], ...ms },
  ];
  await log.close();
  return figures;
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
  const longest = await benchLongest(join(root, 'longest'));
  print({ bench: 'storage', figures: [...rows.map(figureOfRow), ...longest] });
} finally {
  await rm(root, { recursive: true, force: true });
}
