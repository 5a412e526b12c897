import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { isCooeeError, toError } from '../../../../protocols/interface/index.ts';
import { multiaddrText } from '../../../../protocols/wire/index.ts';
import { readTextBounded } from '../../../../storage/durable-file.ts';
import { HOME_FORMAT } from '../../../../storage/home.ts';
import { machineMarks, systemMachine } from '../../../../storage/home-machine.ts';
import { lockHolder } from '../../../../storage/lock.ts';
import type { DoctorView } from '../../../api/routes/index.ts';
import { freeListenAddresses, LISTEN_DEFAULT } from '../../../libp2p/listen.ts';
import { MeshFolder } from '../../../mesh/mesh-folder.ts';
import { loadSettings } from '../../../settings.ts';
import { judgeSilence } from '../daemon.ts';
import { judgeDisk } from '../disk.ts';
import { judgeHome } from '../home.ts';
import { type DoctorLine, fail, ok, warn } from '../line.ts';
import { diskFacts, homeFacts } from './host-facts.ts';
import { inTime } from './in-time.ts';

const SMALL_FILE_BYTES_MAX = 64 * 1024;
const STEP_MS = 8_000;

/** Where to look. */
export interface OfflineInit {
  /** Absolute. */
  readonly home: string;
  readonly socket: string;
  /** The configuration file; that of the home when absent. */
  readonly config?: string | undefined;
}

/**
 * What can be said of a home on which no daemon answers: why none does, and what would keep one
 * from starting. Takes no lock and changes nothing but a file that is deleted again.
 */
export async function examineOffline(init: OfflineInit): Promise<DoctorView> {
  const { home } = init;
  const holder = await holderOf(home);
  const steps: readonly (() => Promise<readonly DoctorLine[]>)[] = [
    async () => [judgeSilence({ ...init, holder, isSocketLeft: existsSync(init.socket) })],
    async () => judgeHome(await homeFacts(home)),
    async () => [judgeDisk(await diskFacts(nearestFolder(home)))],
    async () => await format(home),
    async () => await machine(home),
    async () => [await settings(init)],
    // A daemon that hangs holds its port, as it should.
    async () => (holder === undefined ? [await port(init)] : []),
    async () => await mesh(home),
  ];
  const came = await Promise.all(steps.map((step) => inTime(STEP_MS, step)));
  const checks = came.flatMap(
    ({ value, problem = '' }) => value ?? [fail('home', problem, `See to ${home}.`)],
  );
  return { ok: checks.every(({ state }) => state !== 'fail'), checks };
}

/** The process that holds the home, while it lives. */
async function holderOf(home: string): Promise<number | undefined> {
  const { value: pid } = await inTime(STEP_MS, () => lockHolder(home));
  return pid !== undefined && isAlive(pid) && (await mayBeDaemon(pid)) ? pid : undefined;
}

/** After a restart of the host its number may be another program's, which nobody should kill. */
async function mayBeDaemon(pid: number): Promise<boolean> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  return words === undefined || /node|cooee/.test(words);
}

/** A process of another user counts as well. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The home, or the first folder above it that is there. */
function nearestFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestFolder(dirname(path));
}

async function format(home: string): Promise<readonly DoctorLine[]> {
  const text = await readTextBounded(join(home, 'FORMAT'), SMALL_FILE_BYTES_MAX);
  const version = Number(/^cooee home (\d+)\n$/.exec(text ?? '')?.[1] ?? 0);
  if (version <= HOME_FORMAT) return [];
  const cause = `the home has format ${version}, this program knows ${HOME_FORMAT}`;
  return [fail('format', cause, 'Upgrade COOEE on this host, or use another home with --home.')];
}

const machineSchema = z.object({ source: z.string(), id: z.string() });

async function machine(home: string): Promise<readonly DoctorLine[]> {
  const text = await readTextBounded(join(home, 'machine'), SMALL_FILE_BYTES_MAX);
  if (text === undefined) return [];
  const made = machineSchema.parse(JSON.parse(text));
  const marks = await machineMarks(systemMachine);
  if (marks.some(({ source, id }) => source === made.source && id === made.id)) return [];
  const cause = 'the home was made on another machine: a start refuses it';
  return [fail('machine', cause, 'If it was moved on purpose: cooee up --adopt')];
}

async function settings(init: OfflineInit): Promise<DoctorLine> {
  const file = configOf(init);
  try {
    await loadSettings(file);
    return ok('settings', existsSync(file) ? `${file} is valid` : 'there is no file, all defaults');
  } catch (error) {
    const remedy = isCooeeError(error) ? error.remedy : `See to ${file}.`;
    return fail('settings', toError(error).message, remedy);
  }
}

async function port(init: OfflineInit): Promise<DoctorLine> {
  const addresses = await listenAddresses(init);
  const taken: string[] = [];
  for (const address of addresses) {
    await freeListenAddresses([address], 1).catch((error: unknown) => {
      const reason = isCooeeError(error) ? error.details['reason'] : toError(error).message;
      taken.push(`${address}: ${String(reason)}`);
    });
  }
  if (taken.length === 0) return ok('port', `${addresses.join(', ')} can be opened`);
  const remedy = 'Find who holds the port: ss -ltnp; a daemon takes the next free one by itself.';
  return warn('port', `not free: ${taken.join(', ')}`, remedy);
}

/** As a start without flags takes them; what is not valid is told by {@link settings}. */
async function listenAddresses(init: OfflineInit): Promise<readonly string[]> {
  const config = await loadSettings(configOf(init)).catch(() => undefined);
  if (config?.listen !== undefined) return config.listen;
  const text = await readTextBounded(join(init.home, 'listen.json'), SMALL_FILE_BYTES_MAX);
  const kept = z
    .array(multiaddrText)
    .min(1)
    .safeParse(text === undefined ? [] : JSON.parse(text));
  return kept.success ? kept.data : LISTEN_DEFAULT;
}

async function mesh(home: string): Promise<readonly DoctorLine[]> {
  const file = await new MeshFolder(home).load();
  if (file === undefined) return [];
  const name = `mesh …${file.mesh.slice(-8)}`;
  return file.state === 'member'
    ? [ok('mesh', `a member of ${name}`)]
    : [warn('mesh', `on its way into ${name}`, 'The next start goes on joining: cooee up')];
}

function configOf({ home, config }: OfflineInit): string {
  return config ?? join(home, 'config.json');
}
