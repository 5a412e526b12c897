import { mkdir } from 'node:fs/promises';
import type {
  CooeeError,
  KeyValueStore,
  Logger,
  LogStore,
} from '../../protocols/interface/index.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { SegmentLog } from '../../storage/segment-log.ts';
import type { MeshFolder } from './mesh-folder.ts';

/** The stores of one mesh. */
export interface MeshStores {
  readonly log: LogStore;
  readonly store: KeyValueStore;
  close(): Promise<void>;
}

/** Opens the stores of a mesh; a failed open leaves none open. @throws CooeeError ERR_STORAGE_* */
export async function openMeshStores(
  folder: MeshFolder,
  logger: Logger,
  onFatal: (error: CooeeError) => void,
): Promise<MeshStores> {
  await mkdir(folder.path, { recursive: true, mode: 0o700 });
  const log = new SegmentLog(
    { logger: logger.child('cooee:storage:log') },
    { directory: folder.logPath },
  );
  const store = new LevelStore({ onFatal }, { directory: folder.storePath });
  const close = async (): Promise<void> => {
    await store.close();
    await log.close();
  };
  try {
    const { tornBytes } = await log.open();
    if (tornBytes > 0) logger.warn({ tornBytes }, 'the incomplete end of the log was cut');
    await store.open();
  } catch (error) {
    await close();
    throw error;
  }
  return { log, store, close };
}
