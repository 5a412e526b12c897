import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkHistory, formatResult } from '../check/index.ts';
import { Cluster } from '../engine/cluster.ts';
import { must, run } from '../engine/command.ts';
import { baseImage, type Engine, findEngine, imageBytes } from '../engine/find.ts';
import { buildImage } from '../engine/image.ts';
import { CLOCK_PRELOAD, usable, type World } from '../faults/index.ts';
import { planFaults } from '../faults/plan.ts';
import { type Played, playFaults } from '../faults/play.ts';
import { HistoryWriter, readHistory } from '../history/index.ts';
import { Workload, type WorkloadStats } from '../workload/index.ts';
import { type Figure, measureLong, ms } from './measure.ts';
import { verifyNodes } from './verify.ts';
import { statusOf, untilGood, waitFor } from './wait.ts';

/** What a run is asked for. */
export interface TestnetInit {
  readonly repo: string;
  readonly seed: number;
  readonly durationMs: number;
  /** Folder for the history and the logs. */
  readonly out: string;
  /** Takes the figures that take minutes, however short the run is. */
  readonly isMeasured: boolean;
  /** Leaves all of it running at the end: to look into it. */
  readonly isKept: boolean;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** How a run ended. */
export interface TestnetReport {
  readonly problems: readonly string[];
  readonly figures: readonly Figure[];
  readonly played: Played;
  readonly skipped: Readonly<Record<string, string>>;
  readonly stats: WorkloadStats;
  readonly counts: Readonly<Record<string, number>>;
}

/** From here on the figures that take minutes are measured too. */
const LONG_MS = 270_000;
const SMALL_DISK = { node: 'n3', size: '256m' } as const;
/** Marks, at which the voters sign the state, come many times a minute. */
const SNAPSHOT_EVERY = 64;
const USABLE_MS = 120_000;
const USABLE_MS_WANTED = 15_000;
const IMAGE_BYTES_WANTED = 300e6;
const HEALED_MS = 120_000;

/**
 * Runs the mesh of docker-compose.yml under faults drawn from a seed, with clients on every node,
 * and checks what they were told. Whatever it starts is ended again.
 *
 * @throws Skip when there can be no testnet here
 */
export async function runTestnet(init: TestnetInit): Promise<TestnetReport> {
  // Short: the paths of sockets lie below it.
  const folder = mkdtempSync(join(tmpdir(), 'ctn-'));
  const undo: (() => Promise<unknown> | unknown)[] = [
    () => rmSync(folder, { recursive: true, force: true }),
  ];
  try {
    const engine = await findEngine(init.repo, join(folder, 'e'));
    undo.unshift(() => engine.close());
    return await runOn(init, { engine, folder, undo });
  } finally {
    if (init.isKept) init.say(`kept: ${folder}; it is all yours to remove`);
    for (const step of init.isKept ? [] : undo) {
      await Promise.resolve()
        .then(step)
        .catch((error: unknown) => init.say(`clean-up: ${error}`));
    }
  }
}

interface Setting {
  readonly engine: Engine;
  readonly folder: string;
  readonly undo: (() => Promise<unknown> | unknown)[];
}

async function runOn(init: TestnetInit, setting: Setting): Promise<TestnetReport> {
  const { signal, say } = init;
  const { world, figures } = await bringUp(init, setting);
  const { cluster } = world;
  const { families, skipped } = await usable(world);
  for (const [kind, reason] of Object.entries(skipped)) say(`SKIP fault ${kind}: ${reason}`);
  if (init.isMeasured || init.durationMs >= LONG_MS)
    figures.push(...(await measureLong(world, signal)));
  signal.throwIfAborted();
  const kinds = families.map(({ kind, nodes, holdMs, only }) => {
    return { kind, nodes, holdMs, ...(only === undefined ? {} : { only: only(world) }) };
  });
  const names = cluster.nodes.map(({ name }) => name);
  const slots = planFaults(init.seed, kinds, names);
  const run = await disturb(init, world, { families, slots });
  return { ...run, figures: [...figures, healing(run.played.healedMs)], skipped };
}

type Disturbed = Pick<TestnetReport, 'problems' | 'played' | 'stats' | 'counts'>;

/** The run itself: clients and faults, then quiet, then the checks. */
async function disturb(
  { seed, durationMs, out, signal, say }: TestnetInit,
  world: World,
  faults: Pick<Parameters<typeof playFaults>[0], 'families' | 'slots'>,
): Promise<Disturbed> {
  const { nodes } = world.cluster;
  const path = join(out, 'history.jsonl');
  const history = await HistoryWriter.open(path);
  try {
    const clients = nodes.map(({ name, socketPath }) => ({ name, socketPath }));
    const workload = Workload.start({ nodes: clients, history, seed });
    const startedMs = performance.now();
    let played: Played;
    try {
      const note = (kind: string, node: string, what: Record<string, unknown>): void => {
        history.record('fault', node, { input: { kind, ...what } });
        if (what['phase'] === 'begin') return;
        const at = ((performance.now() - startedMs) / 1_000).toFixed(1).padStart(6);
        say(`${at} s  ${kind.padEnd(14)} ${node}  ${JSON.stringify(what)}`);
      };
      const untilMs = startedMs + durationMs;
      played = await playFaults({ world, ...faults, untilMs, signal, say, note });
      await untilGood(nodes, HEALED_MS, signal);
    } finally {
      await workload.stop();
    }
    signal.throwIfAborted();
    say('all is healed; settling what is open');
    await workload.finish();
    if (workload.failure !== undefined) throw workload.failure;
    await history.close();
    const verified = await verifyNodes(world.cluster, SNAPSHOT_EVERY);
    const checked = checkHistory(await readHistory(path));
    writeFileSync(join(out, 'check.txt'), `${formatResult(checked)}\n`);
    const undecided = checked.undecided.map((key) => `undecided: ${key}`);
    return {
      problems: [...verified.problems, ...checked.problems, ...undecided],
      played,
      stats: workload.stats(),
      counts: { ...checked.counts, marks: verified.marks, entries: verified.appliedIndex },
    };
  } finally {
    await history.close().catch(() => undefined);
  }
}

/** Image, small disk, clocks, and the mesh of five. */
async function bringUp(
  init: TestnetInit,
  { engine, folder, undo }: Setting,
): Promise<{ readonly world: World; readonly figures: Figure[] }> {
  const { repo, say, signal } = init;
  mkdirSync(init.out, { recursive: true });
  say('the image is built');
  const base = await baseImage(engine, repo);
  signal.throwIfAborted();
  const image = `cooee:testnet-${process.pid}`;
  await buildImage(engine, { repo, folder: join(folder, 'context'), tag: image, base });
  if (!engine.isPrivate) undo.unshift(() => run('docker', ['rmi', image], { env: engine.env }));
  const bytes = await imageBytes(engine, image);
  signal.throwIfAborted();
  const smallDisk = await mountSmallDisk(folder, undo);
  writeFileSync(join(folder, 'preload.cjs'), CLOCK_PRELOAD);
  const cluster = new Cluster({
    engine,
    repo,
    folder,
    project: `ctn${process.pid}`,
    image,
    config: { models: ['demo-model'], snapshotEveryEntries: SNAPSHOT_EVERY },
    homes: smallDisk === undefined ? {} : { [SMALL_DISK.node]: smallDisk.home },
    preload: 'preload.cjs',
  });
  undo.unshift(() => cluster.down());
  undo.unshift(() => keepLogs(cluster, init.out));
  const startedMs = performance.now();
  await cluster.up();
  say('the mesh comes up');
  const usableMs = await untilUsable(cluster, startedMs, signal);
  const world: World = {
    cluster,
    smallDisk:
      smallDisk === undefined ? undefined : { node: SMALL_DISK.node, filler: smallDisk.filler },
    clocks: join(folder, 'clock'),
  };
  return { world, figures: firstFigures(bytes, usableMs) };
}

function firstFigures(bytes: number, usableMs: number): Figure[] {
  return [
    {
      what: 'the image, unpacked',
      wanted: '≤ 300 MB',
      measured: `${Math.round(bytes / 1e6)} MB`,
      isMet: bytes <= IMAGE_BYTES_WANTED,
    },
    {
      what: 'from up to five voters and five agents',
      wanted: '≤ 15 s',
      measured: ms(usableMs),
      isMet: usableMs <= USABLE_MS_WANTED,
    },
  ];
}

/** How long the mesh took to come to itself after the faults. */
function healing(healedMs: readonly number[]): Figure {
  const sorted = [...healedMs].sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1] ?? 0;
  return {
    what: 'after a fault: all connected and led again',
    wanted: '≤ 120 s',
    measured: `${ms(middle)} (median of ${sorted.length}), at most ${ms(sorted.at(-1) ?? 0)}`,
    isMet: true,
  };
}

/** Five voters that are connected, and an agent of each on the list of the first. */
async function untilUsable(
  cluster: Cluster,
  startedMs: number,
  signal: AbortSignal,
): Promise<number> {
  const count = cluster.nodes.length;
  const check = async (): Promise<string | undefined> => {
    const [first] = cluster.nodes;
    const status = first === undefined ? undefined : await statusOf(first);
    if (status === undefined) return 'no answer';
    const { slurp, agents } = status;
    const isThere = slurp.voters.length === count && agents.mesh === count;
    return isThere ? undefined : `${slurp.voters.length} voters, ${agents.mesh} agents`;
  };
  await waitFor('five voters and five agents', check, { timeoutMs: USABLE_MS, signal });
  await untilGood(cluster.nodes, USABLE_MS, signal);
  return performance.now() - startedMs;
}

/** A file system of its own for the home of one node; undefined where none can be mounted. */
async function mountSmallDisk(
  folder: string,
  undo: Setting['undo'],
): Promise<{ readonly home: string; readonly filler: string } | undefined> {
  const disk = join(folder, 'd');
  mkdirSync(disk);
  const options = ['-t', 'tmpfs', '-o', `size=${SMALL_DISK.size}`, 'tmpfs', disk];
  if ((await run('mount', options)).code !== 0) return undefined;
  undo.unshift(() => run('umount', ['-l', disk]));
  const home = join(disk, 'home');
  mkdirSync(home);
  // The user of the image: node.
  await must('chown', ['1000:1000', home]);
  await must('chmod', ['0700', home]);
  return { home, filler: join(disk, 'filler') };
}

async function keepLogs(cluster: Cluster, out: string): Promise<void> {
  for (const { name } of cluster.nodes) {
    const text = await cluster.logs(name).catch((error: unknown) => String(error));
    writeFileSync(join(out, `${name}.log`), text);
  }
}
