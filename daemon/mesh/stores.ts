import { mkdir } from 'node:fs/promises';
import type {
  Clock,
  CooeeError,
  FileStore,
  KeyValueStore,
  Logger,
  LogStore,
} from '../../protocols/interface/index.ts';
import { STORE_FORMAT_VERSION } from '../../storage/disk/store-format.ts';
import { FolderFiles } from '../../storage/files/folder-files.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { keepOld } from '../../storage/migrations/keep-old.ts';
import { SegmentLog } from '../../storage/segment-log.ts';
import type { MeshFolder } from './mesh-folder.ts';

/** The stores of one mesh. */
export interface MeshStores {
  readonly log: LogStore;
  readonly store: KeyValueStore;
  /** Of snapshots. */
  readonly files: FileStore;
  close(): Promise<void>;
}

/** What {@link openMeshStores} works with. */
export interface MeshStoresComponents {
  readonly logger: Logger;
  readonly clock: Clock;
  /** See `LevelStore`. */
  readonly onFatal: (error: CooeeError) => void;
}

/**
 * Opens the stores of a mesh; a failed open leaves none open. Of a mesh whose store has an older
 * format a copy is kept first.
 *
 * @throws CooeeError ERR_STORAGE_*
 */
export async function openMeshStores(
  folder: MeshFolder,
  { logger, clock, onFatal }: MeshStoresComponents,
): Promise<MeshStores> {
  await mkdir(folder.path, { recursive: true, mode: 0o700 });
  await folder.finishReplacing();
  const log = new SegmentLog(
    { logger: logger.child('cooee:storage:log'), clock },
    { directory: folder.logPath },
  );
  const beforeMigration = async (found: number): Promise<void> => {
    const kept = folder.keptPath(`before-store-${STORE_FORMAT_VERSION}`);
    await keepOld(folder.path, kept);
    logger.info({ found, now: STORE_FORMAT_VERSION, kept }, 'the store is of an older format');
  };
  const store = new LevelStore(
    { onFatal, clock },
    { directory: folder.storePath, beforeMigration },
  );
  const files = new FolderFiles({}, { directory: folder.snapshotsPath });
  const close = async (): Promise<void> => {
    await files.close();
    await store.close();
    await log.close();
  };
  try {
    const { tornBytes } = await log.open();
    if (tornBytes > 0) logger.warn({ tornBytes }, 'the incomplete end of the log was cut');
    await store.open();
    await files.open();
  } catch (error) {
    await close();
    throw error;
  }
  return { log, store, files, close };
}
