/** What a backup is made of, and where it goes. */
export interface BackupRequest {
  /** The home, or the copy of one that a daemon made; absolute. */
  readonly source: string;
  /** Nobody may use the home meanwhile: its lock is taken. Not for a daemon's copy. */
  readonly isHome: boolean;
  /** The backup, absolute. */
  readonly file: string;
  readonly passphrase: string;
  /** Binary logarithm of what trying a passphrase costs; less than the default for tests only. */
  readonly workFactor?: number;
  /** Replace a file that is there. */
  readonly isForced: boolean;
  /** Version of this program. */
  readonly program: string;
  /** Name of this host, for people. */
  readonly name: string;
  readonly nowMs: number;
  /** See {@link CliHost.onEnd}: what is half done does not stay. */
  readonly onEnd?: ((task: () => void) => () => void) | undefined;
}

/** A backup that was made. */
export interface BackupMade {
  readonly file: string;
  /** Size of the file. */
  readonly bytes: number;
  /** How many files of the home are in it. */
  readonly files: number;
  /** Paths of the home that no backup can hold: links above all. */
  readonly skipped: readonly string[];
}

/** What is restored, and where to. */
export interface RestoreRequest {
  /** The backup, absolute. */
  readonly file: string;
  /** The home, absolute: empty, or not there. */
  readonly home: string;
  readonly passphrase: string;
  /** The only voter of its mesh leads again without having heard of the other members. */
  readonly isLead: boolean;
  readonly nowMs: number;
}

/** A home that was restored. */
export interface Restored {
  readonly home: string;
  /** When the backup was made, ISO 8601. */
  readonly made: string;
  /** The host that it was made on. */
  readonly name: string;
  readonly files: number;
}

/** What the command line does by itself, without a daemon. */
export interface BackupTools {
  /**
   * @throws CooeeError ERR_BACKUP_EXISTS, ERR_BACKUP_NO_HOME, ERR_STORAGE_HOME_LOCKED,
   * ERR_STORAGE_DISK_FULL, ERR_STORAGE_IO
   */
  makeBackup(request: BackupRequest): Promise<BackupMade>;
  /**
   * @throws CooeeError ERR_BACKUP_HOME_NOT_EMPTY, ERR_BACKUP_FOREIGN, ERR_BACKUP_PASSPHRASE,
   * ERR_BACKUP_DAMAGED, ERR_BACKUP_NEWER, ERR_STORAGE_*; the home is as empty as before
   */
  restoreBackup(request: RestoreRequest): Promise<Restored>;
  /**
   * Told before anybody waits.
   *
   * @throws CooeeError ERR_API_USAGE, ERR_BACKUP_EXISTS, ERR_BACKUP_NO_FOLDER, ERR_STORAGE_IO
   */
  checkTarget(file: string, isForced: boolean): Promise<void>;
  /** Removes a daemon's copy. @throws CooeeError ERR_BACKUP_NO_HOME when it is none */
  removeCopy(folder: string): void;
}

/** What daemon/main.ts hands in: loads that code, and only then. */
export type LoadBackup = () => Promise<BackupTools>;
