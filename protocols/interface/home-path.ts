/**
 * What decides where a node's home is; gathered by the caller, so that this file needs no system.
 */
export interface HomePathInput {
  /** The value of `--home`, when given. */
  readonly flag?: string | undefined;
  /** The environment: COOEE_HOME and XDG_STATE_HOME are looked at. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The numeric user id of the process; -1 where the system has none. */
  readonly uid: number;
  /** The user's home directory, absolute. */
  readonly homedir: string;
}

/**
 * The home of a node (docs/cli.md, "home"): `--home`, else `COOEE_HOME`, else `/var/lib/cooee` for
 * uid 0, else `$XDG_STATE_HOME/cooee`, else `~/.local/state/cooee`. A variable that is set but
 * empty counts as not set, and so does a relative XDG_STATE_HOME (XDG Base Directory Specification
 * 0.8: relative paths are invalid).
 *
 * @returns the path as it was given: the caller makes a relative `--home` or COOEE_HOME absolute
 */
export function resolveHome(input: HomePathInput): string {
  if (input.flag !== undefined) return input.flag;
  const home = input.env['COOEE_HOME'];
  if (home !== undefined && home !== '') return home;
  if (input.uid === 0) return '/var/lib/cooee';
  const state = input.env['XDG_STATE_HOME'];
  if (state?.startsWith('/') === true) return `${stripSlash(state)}/cooee`;
  return `${stripSlash(input.homedir)}/.local/state/cooee`;
}

function stripSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Only a home has one of these: every one that was opened once has its FORMAT. */
const OF_HOMES_ALONE: ReadonlySet<string> = new Set([
  'FORMAT',
  'node.key',
  'restored-files',
  'service-invite',
]);

/** What may be in a folder that somebody has prepared, or that a first start has not filled. */
const OF_BEGINNINGS: ReadonlySet<string> = new Set([
  'config.json',
  'lock',
  'machine',
  'pid',
  'restoring',
]);

/** What a file system puts into the uppermost folder of a disk. A home may be a disk of its own. */
export const DISK_FOLDER = 'lost+found';

/** What is in a folder; Node's `Dirent` is one. */
export interface FolderEntry {
  readonly name: string;
  isDirectory(): boolean;
}

/**
 * Whether a folder is one that a node may have for itself: it is a home already, or holds nothing
 * but what a home begins with. That may be its settings, and files that these name. To others it is
 * closed then, which the folder of other things, such as /tmp or /var (where there is a `lock`,
 * too), must not be.
 *
 * @param entries - all that is in it
 */
export function mayBeHome(entries: readonly FolderEntry[]): boolean {
  const names = entries.map(({ name }) => name);
  if (names.some((name) => OF_HOMES_ALONE.has(name))) return true;
  const isPrepared = names.includes('config.json');
  return entries.every((entry) => {
    const { name } = entry;
    if (name === DISK_FOLDER || OF_BEGINNINGS.has(name) || name.endsWith('.tmp')) return true;
    return isPrepared && !entry.isDirectory();
  });
}
