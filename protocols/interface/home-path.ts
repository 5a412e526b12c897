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

/** What is in a home, or in a folder that somebody has prepared for one. */
const OF_HOME: ReadonlySet<string> = new Set([
  'FORMAT',
  'config.json',
  'lock',
  'mesh',
  'node.key',
  'restored-files',
  'restoring',
  'service-invite',
]);

/** What a file system puts into the uppermost folder of a disk. A home may be a disk of its own. */
export const DISK_FOLDER = 'lost+found';

/**
 * Whether a folder is one that a node may have for itself: it is empty, or a home already. To
 * others it is closed then, which the folder of other things, such as /tmp, must not be.
 *
 * @param names - of all that is in it
 */
export function mayBeHome(names: readonly string[]): boolean {
  const found = names.filter((name) => name !== DISK_FOLDER);
  return found.length === 0 || found.some((name) => OF_HOME.has(name));
}
