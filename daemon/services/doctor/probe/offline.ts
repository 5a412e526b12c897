import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CooeeError, isCooeeError, toError } from '../../../../protocols/interface/index.ts';
import { readTextBounded } from '../../../../storage/durable-file.ts';
import { machineMarks, systemMachine } from '../../../../storage/home-machine.ts';
import type { DoctorView } from '../../../api/routes/index.ts';
import { freeListenAddresses, LISTEN_DEFAULT } from '../../../libp2p/listen.ts';
import { keptAddresses } from '../../../listen-addresses.ts';
import { MeshFolder } from '../../../mesh/mesh-folder.ts';
import { loadSettings } from '../../../settings.ts';
import { liveHolder } from '../../../system/home-holder.ts';
import { judgeSilence } from '../daemon.ts';
import { judgeDisk } from '../disk.ts';
import { judgeHome } from '../home.ts';
import { type DoctorLine, fail, ok, warn } from '../line.ts';
import {
  examineAgeKey,
  examineBoot,
  examineFormat,
  examineHost,
  examineNodeKey,
} from './home-files.ts';
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
  const noHome = await lookAt(['home', async () => await faultOfPath(home)], home);
  if (noHome.length > 0) return { ok: false, checks: [nobody(init), ...noHome] };
  const holder = await holderOf(home);
  const isSocketLeft = existsSync(init.socket);
  const steps: readonly Step[] = [
    ['daemon', async () => [judgeSilence({ ...init, holder, isSocketLeft })]],
    ['home', async () => judgeHome(await homeFacts(home))],
    ['disk', async () => [judgeDisk(await diskFacts(nearestFolder(home)))]],
    ['format', async () => await examineFormat(home)],
    ['machine', async () => await machine(home)],
    ['node.key', async () => await examineNodeKey(home)],
    ['age.key', async () => await examineAgeKey(home)],
    ['host.json', async () => await examineHost(home)],
    ['boot', async () => await examineBoot(home)],
    ['settings', async () => [await settings(init)]],
    // A daemon that hangs holds its port, as it should.
    ['listen.json', async () => (holder === undefined ? [await port(init)] : [])],
    ['mesh', async () => await mesh(home)],
  ];
  const checks = (await Promise.all(steps.map((step) => lookAt(step, home)))).flat();
  return { ok: checks.every(({ state }) => state !== 'fail'), checks };
}

/** What keeps a path from being a home at all: then there is nothing in it to look at. */
async function faultOfPath(home: string): Promise<readonly DoctorLine[]> {
  const facts = await homeFacts(home);
  return facts.kind === 'link' || facts.kind === 'other' ? judgeHome(facts) : [];
}

function nobody({ home, socket }: OfflineInit): DoctorLine {
  const none = { holder: undefined, isSocketLeft: false, isNoHome: true };
  return judgeSilence({ home, socket, ...none });
}

/** What is looked at, under which name it is told when it cannot be read. */
type Step = readonly [name: string, look: () => Promise<readonly DoctorLine[]>];

/** What a step finds; what the readers of the start refuse is told with what to do about it. */
async function lookAt([name, look]: Step, home: string): Promise<readonly DoctorLine[]> {
  const { value, problem = '' } = await inTime(STEP_MS, async () => {
    try {
      return await look();
    } catch (error) {
      if (isCooeeError(error)) return [fail(name, error.message, error.remedy)];
      throw error;
    }
  });
  return value ?? [fail(name, problem, `See to ${home}.`)];
}

/** The process that holds the home, while it lives. */
async function holderOf(home: string): Promise<number | undefined> {
  return (await inTime(STEP_MS, () => liveHolder(home))).value;
}

/** The home, or the first folder above it that is there. */
function nearestFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestFolder(dirname(path));
}

const machineSchema = z.object({ source: z.string(), id: z.string() });

async function machine(home: string): Promise<readonly DoctorLine[]> {
  const text = await readTextBounded(join(home, 'machine'), SMALL_FILE_BYTES_MAX);
  if (text === undefined) return [];
  const made = madeOn(text);
  if (made === undefined)
    throw new CooeeError('ERR_STORAGE_DAMAGED', 'machine is no record of one');
  const marks = await machineMarks(systemMachine);
  if (marks.some(({ source, id }) => source === made.source && id === made.id)) return [];
  const cause = 'the home was made on another machine: a start refuses it';
  return [fail('machine', cause, 'If it was moved on purpose: cooee up --adopt')];
}

function madeOn(text: string): z.output<typeof machineSchema> | undefined {
  try {
    return machineSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
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
  const kept = await keptAddresses({ file: (name) => join(init.home, name) });
  return kept ?? LISTEN_DEFAULT;
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
