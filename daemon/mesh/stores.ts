import { mkdir } from 'node:fs/promises';
import {
  type Clock,
  type CooeeError,
  type Health,
  isCooeeError,
  type KeyValueStore,
  type Logger,
  type LogStore,
  type Signer,
  type StateReader,
  toError,
} from '../../protocols/interface/index.ts';
import { meshOf } from '../../protocols/membership/index.ts';
import { peekState } from '../../protocols/slurp/index.ts';
import { LevelStore } from '../../storage/level-store.ts';
import { SegmentLog } from '../../storage/segment-log.ts';
import type { MeshFile, MeshFolder } from './mesh-folder.ts';

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

/** As many members as `mesh.json` names. */
const VOUCHED_MAX = 64;

/** What {@link startOver} works with. */
export interface StartOverComponents {
  readonly signer: Pick<Signer, 'peer'>;
  readonly clock: Clock;
  readonly health: Health;
  readonly logger: Logger;
}

/** What was met when a mesh was brought up. */
export interface BrokenMesh {
  readonly folder: MeshFolder;
  readonly file: MeshFile;
  readonly error: unknown;
}

/**
 * After damage in log or state: sets both aside, so that this node begins anew from its anchor and
 * gets everything from other members. Not on a voter, whose log holds what nobody else may have,
 * and not when no other member is known.
 *
 * @returns what is to be brought up now
 * @throws the error, when it is no damage or there is nobody to be healed from
 */
export async function startOver(
  components: StartOverComponents,
  { folder, file, error }: BrokenMesh,
): Promise<MeshFile> {
  const { clock, health, logger } = components;
  const self = components.signer.peer;
  if (!isDamage(error)) throw error;
  const state = await stateIn(components, folder);
  const voters = (state === undefined ? undefined : meshOf(state)?.voters) ?? file.anchor.voters;
  const vouched = [...addressesIn(state, self), ...file.vouched].slice(0, VOUCHED_MAX);
  if (voters.includes(self) || vouched.length === 0) throw error;
  const label = new Date(clock.nowMs()).toISOString().replaceAll(/[:.]/g, '-');
  const again = { ...file, vouched };
  const path = await folder.setStoresAside(label, again);
  logger.error({ err: error, path }, 'log and state are damaged: both are taken from others');
  health.raise({
    code: 'started-over',
    severity: 'warn',
    text: `Log or state were damaged (${error.message}); both are taken from other members.`,
    remedy: `Check the disk; ${path} holds what was there and may be deleted.`,
  });
  return again;
}

function isDamage(thrown: unknown): thrown is CooeeError {
  return isCooeeError(thrown, 'ERR_STORAGE_DAMAGED') || isCooeeError(thrown, 'ERR_WIRE_MALFORMED');
}

/** The state as far as it can be read. */
async function stateIn(
  components: StartOverComponents,
  folder: MeshFolder,
): Promise<StateReader | undefined> {
  const store = new LevelStore({}, { directory: folder.storePath });
  try {
    await store.open();
    return await peekState({ ...components, store });
  } catch (error) {
    components.logger.warn({ err: toError(error) }, 'the state cannot be read');
    return undefined;
  } finally {
    await store.close();
  }
}

/** Where the other members were last. */
function addressesIn(state: StateReader | undefined, self: string): MeshFile['vouched'] {
  const found: { peer: string; address: string }[] = [];
  for (const [peer, { addresses, removedIndex }] of state?.entries('member') ?? []) {
    if (peer === self || removedIndex !== null) continue;
    for (const address of addresses) found.push({ peer, address });
  }
  return found;
}
