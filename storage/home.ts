import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CooeeError, type Logger, type Random } from '../protocols/interface/index.ts';
import { damaged, readTextBounded, toStorageError, writeDurable } from './durable-file.ts';
import { prepareFolder, removeLeftovers } from './home-folder.ts';
import { type MachineMark, machineMarks, systemMachine } from './home-machine.ts';
import { finishRestore, removeUnfinished } from './home-restore.ts';
import { type HomeLock, lockHome } from './lock.ts';

/** The version of the layout of a home. Raised when an older program could not read it any more. */
const HOME_FORMAT = 1;

/** Bytes of a boot nonce. */
const BOOT_NONCE_BYTES = 16;
/** Room for as many starts again behind a number that somebody else named. */
const BOOT_MAX = 1e14;

const FORMAT_FILE = 'FORMAT';
const MACHINE_FILE = 'machine';
const BOOT_FILE = 'boot';
const SMALL_FILE_BYTES_MAX = 1024;

/** One start of a node. */
export interface Boot {
  /** From 1; higher at every start. */
  readonly boot: number;
  /** Tells two copies of one home apart that reached the same counter. */
  readonly nonce: Uint8Array;
}

/** An open home: the lock is held until {@link Home.close}. */
export interface Home {
  /** Absolute. */
  readonly path: string;
  readonly logger: Logger;
  /** The home was empty before. */
  readonly fresh: boolean;
  /**
   * The home was made on another machine and taken over, and {@link Home.finishAdoption} was not
   * called yet. Stays true over crashes until then.
   */
  readonly adopted: boolean;
  /** The absolute path of a file or folder in the home. */
  file(name: string): string;
  /** Notes durably that all is done that a new machine asks for. */
  finishAdoption(): Promise<void>;
  /**
   * Counts this start; on the disk when it resolves.
   *
   * @throws CooeeError ERR_STORAGE_DAMAGED: going back would make this node's messages look like
   * replays
   */
  nextBoot(random: Random): Promise<Boot>;
  /**
   * The next start counts on from this number at least: the mesh knows of a start with it, so this
   * home was put back from an older copy. On the disk when it resolves.
   *
   * @throws CooeeError ERR_STORAGE_*
   */
  noteBoot(boot: number): Promise<void>;
  /** Gives the lock back. Idempotent. */
  close(): Promise<void>;
}

/** Options of {@link openHome}. */
export interface OpenHomeInit {
  readonly logger: Logger;
  /** Take over a home that was made on another machine. */
  readonly adopt?: boolean;
  /** Default: this process's user. */
  readonly uid?: number | undefined;
  /** Default: the marks of this machine, or `COOEE_MACHINE_ID`. */
  readonly marks?: () => Promise<readonly MachineMark[]>;
}

/**
 * Opens the home of a node, making it when there is none, and holds its lock. A failed open holds
 * nothing.
 *
 * @throws CooeeError ERR_STORAGE_HOME_SYMLINK, _FOREIGN, _LOCKED, _MACHINE
 * @throws CooeeError ERR_STORAGE_FORMAT_NEWER, _DAMAGED, _DISK_FULL, _IO
 */
export async function openHome(path: string, init: OpenHomeInit): Promise<Home> {
  // Also cuts a trailing slash, with which a symbolic link would look like its folder.
  const absolute = resolve(path);
  const uid = 'uid' in init ? init.uid : process.getuid?.();
  await prepareFolder(absolute, { uid, logger: init.logger });
  const lock = await lockHome(absolute);
  try {
    await removeLeftovers(absolute);
    await removeUnfinished(absolute);
    await finishRestore(absolute);
    const fresh = await checkFormat(absolute);
    const machine = await checkMachine(absolute, init);
    return new OpenedHome({ path: absolute, logger: init.logger, fresh, machine, lock });
  } catch (thrown) {
    await lock.release();
    throw toStorageError(thrown, absolute);
  }
}

const machineSchema = z.strictObject({
  v: z.literal(1),
  source: z.enum(['environment', 'machine-id', 'platform-uuid', 'dmi', 'host']),
  id: z.string().regex(/^[0-9a-f]{64}$/),
  adopting: z.boolean(),
});
type MachineRecord = z.infer<typeof machineSchema>;

interface OpenedHomeInit {
  readonly path: string;
  readonly logger: Logger;
  readonly fresh: boolean;
  readonly machine: MachineRecord;
  readonly lock: HomeLock;
}

class OpenedHome implements Home {
  readonly path: string;
  readonly logger: Logger;
  readonly fresh: boolean;
  #machine: MachineRecord;
  readonly #lock: HomeLock;

  constructor(init: OpenedHomeInit) {
    this.path = init.path;
    this.logger = init.logger;
    this.fresh = init.fresh;
    this.#machine = init.machine;
    this.#lock = init.lock;
  }

  get adopted(): boolean {
    return this.#machine.adopting;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async finishAdoption(): Promise<void> {
    if (!this.#machine.adopting) return;
    const machine = { ...this.#machine, adopting: false };
    await writeMachine(this.path, machine);
    this.#machine = machine;
  }

  async nextBoot(random: Random): Promise<Boot> {
    const boot = (await this.#lastBoot()) + 1;
    await writeDurable(this.file(BOOT_FILE), `${boot}\n`);
    return { boot, nonce: random.bytes(BOOT_NONCE_BYTES) };
  }

  async noteBoot(boot: number): Promise<void> {
    if (boot <= (await this.#lastBoot()) || boot > BOOT_MAX) return;
    await writeDurable(this.file(BOOT_FILE), `${boot}\n`);
  }

  async #lastBoot(): Promise<number> {
    const file = this.file(BOOT_FILE);
    const text = await readTextBounded(file, SMALL_FILE_BYTES_MAX);
    if (text === undefined) return 0;
    if (!/^[1-9]\d{0,14}\n$/.test(text)) throw damaged(file, 'is no counter');
    return Number(text);
  }

  close(): Promise<void> {
    return this.#lock.release();
  }
}

/**
 * Checks the format of a home, and notes it in a new one.
 *
 * @returns whether the home is new
 * @throws CooeeError ERR_STORAGE_FORMAT_NEWER, ERR_STORAGE_DAMAGED
 */
export async function checkFormat(path: string): Promise<boolean> {
  const file = join(path, FORMAT_FILE);
  const text = await readTextBounded(file, SMALL_FILE_BYTES_MAX);
  if (text === undefined) {
    await writeDurable(file, `cooee home ${HOME_FORMAT}\n`);
    return true;
  }
  const version = /^cooee home ([1-9]\d{0,8})\n$/.exec(text)?.[1];
  if (version === undefined) throw damaged(file, 'names no format');
  if (Number(version) > HOME_FORMAT) {
    const message = `The home ${path} has format ${version}; this program knows ${HOME_FORMAT}.`;
    throw new CooeeError('ERR_STORAGE_FORMAT_NEWER', message, {
      details: { home: path, format: Number(version), known: HOME_FORMAT },
    });
  }
  return false;
}

async function checkMachine(path: string, init: OpenHomeInit): Promise<MachineRecord> {
  const marks = await (init.marks ?? (() => machineMarks(systemMachine)))();
  const remembered = await readMachine(path);
  if (remembered !== undefined && marks.some((mark) => isSame(mark, remembered))) return remembered;
  if (remembered !== undefined && init.adopt !== true) {
    throw new CooeeError(
      'ERR_STORAGE_HOME_MACHINE',
      `The home ${path} was made on another machine.`,
      { details: { home: path, source: remembered.source } },
    );
  }
  const best = marks[0];
  if (best === undefined) throw new TypeError('a machine has at least one mark');
  const adopting = remembered !== undefined;
  const record: MachineRecord = { v: 1, source: best.source, id: best.id, adopting };
  await writeMachine(path, record);
  if (adopting) init.logger.info({ home: path }, 'took over a home of another machine');
  return record;
}

function isSame(mark: MachineMark, record: MachineRecord): boolean {
  return mark.source === record.source && mark.id === record.id;
}

async function readMachine(path: string): Promise<MachineRecord | undefined> {
  const file = join(path, MACHINE_FILE);
  const text = await readTextBounded(file, SMALL_FILE_BYTES_MAX);
  if (text === undefined) return undefined;
  try {
    return machineSchema.parse(JSON.parse(text));
  } catch (thrown) {
    throw damaged(file, 'is no machine record', thrown);
  }
}

function writeMachine(path: string, record: MachineRecord): Promise<void> {
  return writeDurable(join(path, MACHINE_FILE), `${JSON.stringify(record)}\n`);
}
