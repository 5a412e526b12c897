import type { FolderEntry } from '../../protocols/interface/home-path.ts';

/** Whose service manager runs the daemon: the machine's, or that of one user. */
export type ServiceScope = 'system' | 'user';

/** What the service is to run. Paths are absolute. */
export interface ServiceSpec {
  /** The version of this program, for a reader of the file. */
  readonly version: string;
  /** The node binary. */
  readonly node: string;
  /** The script that it runs. */
  readonly script: string;
  readonly home: string;
  /** What goes behind `up --home HOME`. */
  readonly words: readonly string[];
  /** Folders besides the home that the daemon makes files in, such as one for a socket. */
  readonly folders: readonly string[];
}

/** What a command printed and how it ended; `code` is undefined when there is no such command. */
export interface CommandResult {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that prints to this process's own stdout and stderr. */
export interface ShownCommand {
  /** Its exit code; undefined when there is no such command. */
  readonly done: Promise<number | undefined>;
  end(): void;
}

/** What a service is made with: the system, or a test's stand-in. */
export interface ServicePorts {
  /** `linux` or `darwin`; others have no service manager that we know. */
  readonly platform: string;
  readonly uid: number;
  readonly user: string;
  readonly homedir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs a command to its end. Does not throw. */
  run(command: string, args: readonly string[]): Promise<CommandResult>;
  /** Starts a command whose output people see. */
  show(command: string, args: readonly string[]): ShownCommand;
  /** The text of a small file; undefined when there is none. */
  readText(path: string): Promise<string | undefined>;
  /** Puts a file in place whole, with that mode whatever the umask; makes the folders above it. */
  writeText(path: string, text: string, mode: number): Promise<void>;
  /** Removes a file; one that is not there is no fault. */
  remove(path: string): Promise<void>;
  /** Who owns a file or folder, by number; undefined when there is none. */
  ownerOf(path: string): Promise<number | undefined>;
  /** What is in a folder; nothing of one that is not there, or cannot be read. */
  entriesIn(path: string): Promise<readonly FolderEntry[]>;
}

/** How the service is. */
export interface ServiceState {
  /** The manager runs it. */
  readonly isRunning: boolean;
  /** It was given up: it is not coming by itself. */
  readonly isFailed: boolean;
  /** It starts at boot, or at login for one user's. */
  readonly isEnabled: boolean;
  /** The manager's own words, such as `active (running)`. */
  readonly text: string;
  readonly pid: number | undefined;
}

/** What {@link Service.install} has done. */
export interface Installed {
  /** There was one before. */
  readonly isUpdate: boolean;
  /** Sentences for people: what they may want to know or do. */
  readonly remarks: readonly string[];
}

/** What {@link Service.logs} shows. */
export interface LogsInit {
  readonly lines: number;
  /** Goes on until it is ended. */
  readonly follow: boolean;
  /** One JSON object a line, where the manager can. */
  readonly json: boolean;
}

/** The daemon of this host as a service: one of that name a scope. */
export interface Service {
  readonly manager: 'systemd' | 'launchd';
  readonly scope: ServiceScope;
  /** The name that the manager knows. */
  readonly name: string;
  /** Where its description is, absolute. */
  readonly file: string;
  /** The description. */
  text(spec: ServiceSpec): string;
  /** @throws CooeeError ERR_BOOTSTRAP_SERVICE_ROOT when this user may not change it */
  checkRights(): void;
  /** What would keep it from running: paths that it could not reach. */
  unreachable(spec: ServiceSpec): readonly string[];
  /**
   * Writes the description and starts the daemon, anew when it ran.
   *
   * @param invite - kept in the file that inviteFile names, which the caller removes
   * @throws CooeeError ERR_BOOTSTRAP_SERVICE_FAILED, _FOREIGN, _PATH, _ROOT, _UNSUPPORTED
   */
  install(spec: ServiceSpec, invite: string | undefined): Promise<Installed>;
  /** Whether our own is there. @throws CooeeError ERR_BOOTSTRAP_SERVICE_FOREIGN */
  isInstalled(): Promise<boolean>;
  /** The home that it was installed for. */
  home(): Promise<string | undefined>;
  state(): Promise<ServiceState>;
  /**
   * Stops it and removes its description; the home stays.
   *
   * @throws CooeeError ERR_BOOTSTRAP_SERVICE_FAILED, _FOREIGN, _MISSING, _ROOT
   */
  remove(): Promise<void>;
  logs(init: LogsInit): ShownCommand;
  /** The last lines that the daemon has logged; none where they cannot be read. */
  lastLines(count: number): Promise<readonly string[]>;
}
