import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CooeeError } from '../../protocols/interface/index.ts';
import { multiaddrText, peerIdText } from '../../protocols/wire/index.ts';
import {
  makeFolder,
  readTextBounded,
  syncFolder,
  writeDurable,
} from '../../storage/durable-file.ts';

const MESH_FILE = 'mesh.json';
const MESH_FILE_BYTES_MAX = 16 * 1024;

const anchorSchema = z.strictObject({
  index: z.int().min(0),
  root: z.string().regex(/^[0-9a-f]{64}$/),
  voters: z.array(peerIdText).min(1).max(9),
});

const meshSchema = z.strictObject({
  v: z.literal(1),
  mesh: z.string().min(1).max(128),
  /** `joining`: the invite was not redeemed yet. */
  state: z.enum(['member', 'joining']),
  anchor: anchorSchema,
  /** Who voted last, as far as this node knew: it may have promised something then. */
  voters: z.array(peerIdText).max(9).optional(),
  /** Members that the invite named, later those that vote and others, and where. */
  vouched: z.array(z.strictObject({ peer: peerIdText, address: multiaddrText })).max(64),
  /** The log index of the admission; 0 until it is known. */
  admittedIndex: z.int().min(0),
  /** The invite, while joining: a secret, gone once it was redeemed. */
  invite: z.string().max(1024).nullable(),
});

/** What a home remembers of its mesh outside of the log. */
export type MeshFile = Omit<z.output<typeof meshSchema>, 'v'>;

/** Name of something that is set aside: times sort. */
export function keptLabel(nowMs: number, what: string): string {
  return `${new Date(nowMs).toISOString().replaceAll(/[:.]/g, '-')}-${what}`;
}

/** The folder `mesh` of a home: all that belongs to the mesh and not to the node. */
export class MeshFolder {
  readonly #home: string;
  /** One change at a time: what is remembered of a mesh must not come back after it is gone. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param home - absolute path of the home */
  constructor(home: string) {
    this.#home = home;
  }

  get path(): string {
    return join(this.#home, 'mesh');
  }

  /** Folder of the segment log. */
  get logPath(): string {
    return join(this.path, 'log');
  }

  /** Folder of the LevelDB. */
  get storePath(): string {
    return join(this.path, 'store');
  }

  /** Folder of the files of snapshots. */
  get snapshotsPath(): string {
    return join(this.path, 'snapshots');
  }

  /** A store that is to take the place of the present one. */
  get freshStorePath(): string {
    return join(this.path, 'store-new');
  }

  /** Where something of this mesh is kept that is not used any more. */
  keptPath(label: string): string {
    return join(this.#home, 'old', label);
  }

  /**
   * What is remembered, or undefined when this home has no mesh. @throws CooeeError
   * ERR_STORAGE_DAMAGED
   */
  async load(): Promise<MeshFile | undefined> {
    // A program that ended while it put the next mesh in the place of one had set that aside.
    if (!existsSync(this.path) && existsSync(this.#next)) await rename(this.#next, this.path);
    const text = await readTextBounded(this.#file, MESH_FILE_BYTES_MAX);
    if (text === undefined) return undefined;
    try {
      const { v: _version, ...file } = meshSchema.parse(JSON.parse(text));
      return file;
    } catch (cause) {
      throw new CooeeError('ERR_STORAGE_DAMAGED', 'mesh.json is damaged', {
        cause,
        details: { file: this.#file },
      });
    }
  }

  async save(file: MeshFile): Promise<void> {
    await this.#inTurn(() => this.#write(file));
  }

  /** Remembers something else of that mesh, when it is still the one of this home. */
  async update(mesh: string, change: Partial<MeshFile>): Promise<void> {
    await this.#inTurn(async () => {
      const file = await this.load();
      if (file?.mesh === mesh) await this.#write({ ...file, ...change });
    });
  }

  /**
   * Keeps what is to be remembered of another mesh beside this one, until {@link replace}: with the
   * invite used, a home without it would begin a mesh of its own.
   *
   * @throws CooeeError ERR_STORAGE_*, with all as it was
   */
  async prepare(file: MeshFile): Promise<void> {
    await this.#inTurn(() => this.#write(file, this.#next));
  }

  /** Sets the mesh aside as {@link setAside} does, and puts the prepared one in its place. */
  async replace(label: string): Promise<string> {
    return await this.#setAside(label, async () => {
      await rename(this.#next, this.path);
      await syncFolder(this.#home);
    });
  }

  /** Sets the mesh aside in `old/`, so that nothing is lost; the home has no mesh then. */
  async setAside(label: string): Promise<string> {
    await rm(this.#next, { recursive: true, force: true });
    return await this.#setAside(label);
  }

  async #setAside(label: string, andThen?: () => Promise<void>): Promise<string> {
    const target = this.keptPath(label);
    await this.#inTurn(async () => {
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await rename(this.path, target);
      await andThen?.();
    });
    return target;
  }

  /**
   * Sets log and state aside in `damaged/`, so that nothing is lost, puts the fresh store in its
   * place, and remembers what is needed to get the rest from others.
   */
  async replaceStores(label: string, file: MeshFile): Promise<string> {
    const target = join(this.#damaged, label);
    await mkdir(target, { recursive: true, mode: 0o700 });
    // First: with the stores gone nothing else tells whom to ask.
    await this.save(file);
    // The step that counts: from here on it is finished, if need be by the next start.
    if (existsSync(this.storePath)) await rename(this.storePath, join(target, 'store'));
    else await mkdir(join(target, 'store'), { mode: 0o700 });
    await this.finishReplacing();
    return target;
  }

  /** Finishes what a program that ended in between began. @throws Error of the file system */
  async finishReplacing(): Promise<void> {
    const { freshStorePath, storePath } = this;
    if (existsSync(storePath) || !existsSync(freshStorePath) || !existsSync(this.#damaged)) return;
    await syncFolder(this.path);
    // Labels are times.
    const label = (await readdir(this.#damaged)).sort().at(-1) ?? '';
    const target = join(this.#damaged, label);
    if (existsSync(this.logPath)) await rename(this.logPath, join(target, 'log'));
    await syncFolder(target);
    await rename(freshStorePath, storePath);
    await syncFolder(this.path);
  }

  /**
   * Begins to join a mesh, without what an earlier attempt left. What that one remembered is
   * replaced and at no time gone: this node may have been let in then.
   */
  async begin(file: MeshFile): Promise<void> {
    await this.#inTurn(async () => {
      await this.#write(file);
      for (const name of await readdir(this.path)) {
        if (name !== MESH_FILE) await rm(join(this.path, name), { recursive: true, force: true });
      }
    });
  }

  /** Removes what an unsuccessful join left: the home is as empty as before. */
  async remove(): Promise<void> {
    await this.#inTurn(() => rm(this.path, { recursive: true, force: true }));
  }

  async #write(file: MeshFile, folder = this.path): Promise<void> {
    await makeFolder(folder);
    const text = `${JSON.stringify({ v: 1, ...file }, null, 2)}\n`;
    await writeDurable(join(folder, MESH_FILE), text);
  }

  async #inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => undefined);
    await done;
  }

  get #next(): string {
    return join(this.#home, 'mesh-next');
  }

  get #damaged(): string {
    return join(this.path, 'damaged');
  }

  get #file(): string {
    return join(this.path, MESH_FILE);
  }
}
